#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clinux.h"

// Numbers that are younger than the headers of an old distribution; the same on every architecture.
#define CLOSE_RANGE 436
#define LANDLOCK_CREATE_RULESET 444
#define LANDLOCK_RESTRICT_SELF 446
#define LANDLOCK_VERSION 1u

#define OR_ERRNO(call) ({ long r_ = (call); r_ < 0 ? -(long)errno : r_; })

int spw_set_limit(int which, uint64_t soft, uint64_t hard) {
    static const int numbers[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_CORE};
    if (which < 0 || which >= (int)(sizeof numbers / sizeof *numbers)) return -EINVAL;
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return (int)OR_ERRNO(setrlimit(numbers[which], &limit));
}

int spw_no_new_privileges(void) { return (int)OR_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int spw_not_dumpable(void) { return (int)OR_ERRNO(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)); }

int spw_drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof none);
    return (int)OR_ERRNO(syscall(SYS_capset, &header, none));
}

int spw_close_from(int first) {
    if (syscall(CLOSE_RANGE, (unsigned)first, ~0u, 0u) == 0) return 0;
    // Linux before 5.9. The limit bounds what may be open.
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    rlim_t end = limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20;
    for (int fd = first; fd < (int)end; fd++) close(fd);
    return 0;
}

int64_t spw_regular_file_size(int fd) {
    struct stat status;
    // glibc's fstat may be a newfstatat, which a filter can not tell from the look at a path.
    if (syscall(SYS_fstat, fd, &status) < 0) return -errno;
    return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EINVAL;
}

int spw_landlock_version(void) {
    return (int)OR_ERRNO(syscall(LANDLOCK_CREATE_RULESET, NULL, 0, LANDLOCK_VERSION));
}

int spw_landlock_deny(uint64_t files, uint64_t network, uint64_t scopes) {
    // struct landlock_ruleset_attr of Linux 6.12; an older kernel takes a longer one whose rest is zero.
    uint64_t handled[3] = {files, network, scopes};
    int rules = (int)OR_ERRNO(syscall(LANDLOCK_CREATE_RULESET, handled, sizeof handled, 0u));
    if (rules < 0) return rules;
    int result = (int)OR_ERRNO(syscall(LANDLOCK_RESTRICT_SELF, rules, 0u));
    close(rules);
    return result;
}

int spw_filter_is_available(void) {
    uint32_t action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0;
}

int spw_install_filter(const spw_filter_instruction *instructions, size_t count) {
    _Static_assert(sizeof(spw_filter_instruction) == sizeof(struct sock_filter), "the same layout");
    if (count == 0 || count > BPF_MAXINSNS) return -EINVAL;
    struct sock_fprog program = {.len = (unsigned short)count, .filter = (struct sock_filter *)instructions};
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (result < 0) return -errno;
    // The number of a thread that could not be brought under the filter.
    return result > 0 ? -ESRCH : 0;
}

static void tell_refused_call(int signal, siginfo_t *information, void *context) {
    (void)signal;
    (void)context;
    char text[] = SPW_REFUSED_CALL_TEXT "0000000000\n";
    unsigned number = (unsigned)information->si_syscall;
    for (size_t at = sizeof text - 3; number > 0; at--, number /= 10) text[at] = (char)('0' + number % 10);
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    syscall(SYS_exit_group, SPW_REFUSED_CALL_STATUS);
}

int spw_tell_refused_calls(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = tell_refused_call;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    return (int)OR_ERRNO(sigaction(SIGSYS, &action, NULL));
}
