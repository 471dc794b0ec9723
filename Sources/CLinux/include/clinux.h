// System calls that `import Glibc` lacks: epoll, eventfd, accept4, signalfd and a few process controls.
// Every wrapper returns a value >= 0, or -errno, so that Swift never reads the thread's errno.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SPW_EPOLLIN 0x001u
#define SPW_EPOLLOUT 0x004u
#define SPW_EPOLLERR 0x008u
#define SPW_EPOLLHUP 0x010u
#define SPW_EPOLLRDHUP 0x2000u
#define SPW_EPOLLET 0x80000000u

/// One readiness event: which registration (`token`, chosen by the caller) and what is ready.
typedef struct {
    uint32_t events;
    uint64_t token;
} spw_event;

int spw_epoll_create(void);
int spw_epoll_add(int epoll, int fd, uint32_t events, uint64_t token);
int spw_epoll_modify(int epoll, int fd, uint32_t events, uint64_t token);
int spw_epoll_remove(int epoll, int fd);
/// Fills at most 256 events; EINTR is reported as 0 events.
int spw_epoll_wait(int epoll, spw_event *events, int capacity, int timeout_milliseconds);

int spw_eventfd(void);
int spw_eventfd_signal(int fd);
int spw_eventfd_drain(int fd);

/// A non-blocking, close-on-exec TCP socket bound and listening on a numeric address with SO_REUSEPORT
/// (`reuse_port`), IPv6-only for IPv6 addresses.
int spw_listen_tcp(const char *address, uint16_t port, int backlog, int reuse_port);
/// The port that a listening socket was given.
int spw_local_port(int fd);
int spw_accept(int fd, struct sockaddr_storage *peer);
/// Starts a non-blocking connect to a numeric address; the socket's writability tells the outcome.
int spw_connect_tcp(const char *address, uint16_t port);
/// The pending error of a socket as a positive errno, 0 for none.
int spw_socket_error(int fd);
int spw_set_nodelay(int fd);
/// Bytes that the kernel may hold beyond what is on its way to the peer (TCP_NOTSENT_LOWAT).
int spw_set_unsent_limit(int fd, int bytes);
int spw_set_send_buffer(int fd, int bytes);

ssize_t spw_read(int fd, void *buffer, size_t count);
ssize_t spw_write(int fd, const void *buffer, size_t count);
ssize_t spw_writev(int fd, const struct iovec *parts, int count);
int spw_close(int fd);

/// Blocks SIGINT, SIGTERM, SIGHUP in this thread (and those it starts) and returns a signalfd for them.
int spw_signalfd(void);
/// The next pending signal's number, or -EAGAIN.
int spw_signalfd_read(int fd);
void spw_ignore_sigpipe(void);

/// Raises the soft limit of open files to the hard one; returns the limit in force.
long spw_raise_open_files(void);
/// The kernel's number of this thread (gettid).
int spw_thread_id(void);
/// Ends this process when its parent thread dies (PR_SET_PDEATHSIG); call right after start.
int spw_die_with_parent(int signal);
/// Monotonic and wall clocks in nanoseconds, through the vDSO.
int64_t spw_monotonic_nanoseconds(void);
int64_t spw_realtime_nanoseconds(void);
/// The text of a positive errno, in a static table.
const char *spw_error_text(int error);
/// write(2) to standard error; failures are the caller's to ignore.
ssize_t spw_write_log(const void *buffer, size_t count);
/// Names the calling thread, at most 15 characters.
void spw_name_thread(const char *name);
/// Writes the peer's numeric address and port into `text`: `127.0.0.1:4711`, `[::1]:4711`.
int spw_peer_address(int fd, char *text, size_t capacity);
/// write(2), once, to a file.
ssize_t spw_append(int fd, const void *buffer, size_t count);

/// Small blocks from the calling thread's free lists, larger ones from malloc; NULL when there is no memory. Only
/// `spw_block_give` and `spw_block_resize` may free them, on any thread.
void *spw_block_take(size_t size);
/// The same for OpenSSL: buffers of a TLS record's size lie in pages of their own.
void *spw_record_take(size_t size);
void *spw_block_take_zeroed(size_t count, size_t size);
void spw_block_give(void *memory);
void *spw_block_resize(void *memory, size_t size);

// What a process gives up for good before it reads a stranger's file; see confine.c.

/// Sets a resource limit by number: see the SPW_LIMIT constants.
#define SPW_LIMIT_AS 0
#define SPW_LIMIT_CPU 1
#define SPW_LIMIT_FSIZE 2
#define SPW_LIMIT_NOFILE 3
#define SPW_LIMIT_CORE 4
int spw_set_limit(int which, uint64_t soft, uint64_t hard);
/// Forbids this process and its children to gain privileges by exec.
int spw_no_new_privileges(void);
/// No core dump, and no look into this process's memory or descriptors by others of its user.
int spw_not_dumpable(void);
/// Gives up every capability of this thread.
int spw_drop_capabilities(void);
/// Closes all descriptors from `first` on.
int spw_close_from(int first);
/// The size of an open regular file, by the system call fstat itself; -EINVAL for anything else.
int64_t spw_regular_file_size(int fd);

/// The version of Landlock that the kernel has, 1 or more.
int spw_landlock_version(void);
/// Denies this thread, and those it will start, the given rights (LANDLOCK_ACCESS_FS_*, _NET_*, SCOPE_*) everywhere.
int spw_landlock_deny(uint64_t files, uint64_t network, uint64_t scopes);

/// One instruction of classic BPF: `struct sock_filter`.
typedef struct {
    uint16_t code;
    uint8_t jump_true;
    uint8_t jump_false;
    uint32_t value;
} spw_filter_instruction;
/// 1 when the kernel can filter system calls.
int spw_filter_is_available(void);
/// Puts all threads of this process under a seccomp filter.
int spw_install_filter(const spw_filter_instruction *instructions, size_t count);
/// A call that the filter traps ends this process with SPW_REFUSED_CALL_STATUS, after a line on standard error:
/// SPW_REFUSED_CALL_TEXT and the call's number.
#define SPW_REFUSED_CALL_TEXT "refused system call "
#define SPW_REFUSED_CALL_STATUS 159
int spw_tell_refused_calls(void);
