#define _GNU_SOURCE
#include "clinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OR_ERRNO(call) ({ long r_ = (call); r_ < 0 ? -(long)errno : r_; })

int spw_epoll_create(void) { return (int)OR_ERRNO(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return (int)OR_ERRNO(epoll_ctl(epoll, operation, fd, &event));
}

int spw_epoll_add(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, token);
}

int spw_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, token);
}

int spw_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int spw_epoll_wait(int epoll, spw_event *events, int capacity, int timeout_milliseconds) {
    struct epoll_event ready[256];
    if (capacity > 256) capacity = 256;
    int count = epoll_wait(epoll, ready, capacity, timeout_milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        events[i].events = ready[i].events;
        events[i].token = ready[i].data.u64;
    }
    return count;
}

int spw_eventfd(void) { return (int)OR_ERRNO(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int spw_eventfd_signal(int fd) {
    uint64_t one = 1;
    ssize_t n;
    do n = write(fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int spw_eventfd_drain(int fd) {
    uint64_t count;
    return (int)OR_ERRNO(read(fd, &count, sizeof count));
}

// Fills `storage` from a numeric address; returns its length, or 0 when it is neither IPv4 nor IPv6.
static socklen_t parse_address(const char *address, uint16_t port, struct sockaddr_storage *storage) {
    memset(storage, 0, sizeof *storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return 0;
}

int spw_listen_tcp(const char *address, uint16_t port, int backlog, int reuse_port) {
    struct sockaddr_storage storage;
    socklen_t length = parse_address(address, port, &storage);
    if (length == 0) return -EINVAL;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, backlog) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int spw_local_port(int fd) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    if (storage.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&storage)->sin_port);
    return ntohs(((struct sockaddr_in6 *)&storage)->sin6_port);
}

int spw_accept(int fd, struct sockaddr_storage *peer) {
    socklen_t length = sizeof *peer;
    return (int)OR_ERRNO(accept4(fd, (struct sockaddr *)peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int spw_connect_tcp(const char *address, uint16_t port) {
    struct sockaddr_storage storage;
    socklen_t length = parse_address(address, port, &storage);
    if (length == 0) return -EINVAL;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    // After EINTR a connect goes on like one that has not been interrupted.
    if (connect(fd, (struct sockaddr *)&storage, length) < 0 && errno != EINPROGRESS && errno != EINTR) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int spw_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return errno;
    return error;
}

int spw_set_nodelay(int fd) {
    int one = 1;
    return (int)OR_ERRNO(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
}

int spw_set_unsent_limit(int fd, int bytes) {
    return (int)OR_ERRNO(setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes));
}

int spw_set_send_buffer(int fd, int bytes) {
    return (int)OR_ERRNO(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
}

ssize_t spw_read(int fd, void *buffer, size_t count) {
    ssize_t n;
    do n = read(fd, buffer, count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t spw_write(int fd, const void *buffer, size_t count) {
    ssize_t n;
    do n = send(fd, buffer, count, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t spw_writev(int fd, const struct iovec *parts, int count) {
    ssize_t n;
    do n = writev(fd, parts, count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int spw_close(int fd) { return (int)OR_ERRNO(close(fd)); }

int spw_signalfd(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) return -error;
    return (int)OR_ERRNO(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int spw_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    ssize_t n = read(fd, &info, sizeof info);
    if (n < 0) return -errno;
    return (int)info.ssi_signo;
}

void spw_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

long spw_raise_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return (long)limit.rlim_cur;
}

int spw_thread_id(void) { return (int)syscall(SYS_gettid); }

int spw_die_with_parent(int signal) { return (int)OR_ERRNO(prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)); }

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t spw_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }

int64_t spw_realtime_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

const char *spw_error_text(int error) {
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

ssize_t spw_write_log(const void *buffer, size_t count) {
    ssize_t n;
    do n = write(STDERR_FILENO, buffer, count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

void spw_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int spw_peer_address(int fd, char *text, size_t capacity) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    char address[INET6_ADDRSTRLEN] = "";
    if (getpeername(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    if (storage.ss_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
        inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof address);
        return snprintf(text, capacity, "[%s]:%d", address, ntohs(v6->sin6_port));
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    inet_ntop(AF_INET, &v4->sin_addr, address, sizeof address);
    return snprintf(text, capacity, "%s:%d", address, ntohs(v4->sin_port));
}

ssize_t spw_append(int fd, const void *buffer, size_t count) { return OR_ERRNO(write(fd, buffer, count)); }
