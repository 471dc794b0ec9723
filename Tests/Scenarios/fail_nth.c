// SPDX-License-Identifier: Apache-2.0
//
// Makes one system call of a process fail. Preloaded (LD_PRELOAD); the scenario tells it which by a file that both
// have mapped (FAIL_CONTROL), so that one process can be tried again and again:
//
//   call   the number of the function to fail, see `names`; -1 for none
//   nth    how many calls of it succeed before
//   error  the errno to fail with
//   count  calls of it since it was armed (written here)
//   fired  1 once it has failed (written here)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
    atomic_int call, nth, error, count, fired;
};

enum { ACCEPT4, READ, RECV, WRITE, SEND, WRITEV, EPOLL_CTL, EPOLL_WAIT, SOCKET, CONNECT, CLOSE, SETSOCKOPT, GETSOCKOPT };

static struct control *control;

__attribute__((constructor)) static void map_control(void) {
    const char *path = getenv("FAIL_CONTROL");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED) control = memory;
}

// True when this call is the one that is to fail; errno is set then.
static int fails(int call) {
    if (!control || atomic_load(&control->call) != call) return 0;
    if (atomic_fetch_add(&control->count, 1) != atomic_load(&control->nth)) return 0;
    atomic_store(&control->fired, 1);
    errno = atomic_load(&control->error);
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
// The real function is looked up once; a race only looks it up twice.
#define CALL(number, name, ...)                      \
    static __typeof__(&name) real;                   \
    if (!real) real = REAL(name);                    \
    return fails(number) ? -1 : real(__VA_ARGS__)

int accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags) {
    CALL(ACCEPT4, accept4, fd, peer, length, flags);
}
ssize_t read(int fd, void *buffer, size_t count) { CALL(READ, read, fd, buffer, count); }
ssize_t recv(int fd, void *buffer, size_t count, int flags) { CALL(RECV, recv, fd, buffer, count, flags); }
ssize_t write(int fd, const void *buffer, size_t count) { CALL(WRITE, write, fd, buffer, count); }
ssize_t send(int fd, const void *buffer, size_t count, int flags) { CALL(SEND, send, fd, buffer, count, flags); }
ssize_t writev(int fd, const struct iovec *parts, int count) { CALL(WRITEV, writev, fd, parts, count); }
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) {
    CALL(EPOLL_CTL, epoll_ctl, epoll, operation, fd, event);
}
int epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout) {
    CALL(EPOLL_WAIT, epoll_wait, epoll, events, capacity, timeout);
}
int socket(int domain, int type, int protocol) { CALL(SOCKET, socket, domain, type, protocol); }
int connect(int fd, const struct sockaddr *address, socklen_t length) { CALL(CONNECT, connect, fd, address, length); }
int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
    CALL(SETSOCKOPT, setsockopt, fd, level, name, value, length);
}
int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    CALL(GETSOCKOPT, getsockopt, fd, level, name, value, length);
}

// Linux has closed the descriptor also when close(2) reports an error.
int close(int fd) {
    static __typeof__(&close) real;
    if (!real) real = REAL(close);
    int result = real(fd);
    return fails(CLOSE) ? -1 : result;
}
