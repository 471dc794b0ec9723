// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The system calls that the media child may make once it holds its input and its pipes, and nothing more.
///
/// Three kinds. What decoding and encoding need is allowed. What the C library and libav try and can live without
/// fails with an errno, as on an older kernel; so does every call that is not named here, because a call which the
/// next version of a library tries first must not end every child. What no media library has a reason for ends the
/// child with an alarm. No path is ever opened, so that nothing rests on paths, which a filter can not see.
struct MediaChildFilter {
    let architecture: Architecture
    /// The process that will be under the filter: it may send signals to its own threads only.
    let process: Int32

    /// Bits of clone(2) that a new thread has, and those of which it may have none: own namespaces, ptrace.
    private static let threadFlags: UInt32 = 0x0001_0000 | 0x100 | 0x800
    private static let foreignFlags: UInt32 = 0x7E02_0000 | 0x2000 | 0x0080_0000
    private static let executable: UInt32 = 0x4
    /// Numbers of the ABI with short pointers (x32) carry this bit, and reach the same calls by other numbers.
    private static let shortPointers: UInt32 = 0x4000_0000
    /// prctl's PR_SET_NAME, and PR_SET_VMA by which newer C libraries name their memory.
    private static let harmlessControls: [UInt64] = [15, 0x5356_4D41]
    /// F_GETFD and F_GETFL.
    private static let harmlessDescriptorControls: [UInt64] = [1, 3]

    /// The most frequent first: the kernel goes through the rules in their order.
    static let allowed = [
        "futex", "pread64", "write", "munmap", "madvise", "brk", "mremap", "sched_yield", "clock_gettime", "read",
        "lseek", "fstat", "readv", "writev", "close", "poll", "ppoll", "set_robust_list", "rseq", "sigaltstack",
        "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group", "getpid", "gettid", "getcpu",
        "sched_getaffinity", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom",
        "getrusage", "sysinfo", "uname", "membarrier",
    ]

    /// What is asked of the file system fails as if nothing were permitted.
    static let unreachable = [
        "open", "openat", "openat2", "creat", "access", "faccessat", "faccessat2", "stat", "lstat", "newfstatat",
        "statx", "readlink", "readlinkat", "getdents64", "statfs", "getcwd",
    ]

    static let refused = ["sched_setaffinity", "sched_setscheduler", "setpriority"]

    static let hostile = [
        // The network, and everything else that has sockets.
        "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "recvfrom", "sendmsg",
        "recvmsg", "sendmmsg", "recvmmsg",
        // Other programs and other processes.
        "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open",
        "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setsid",
        "setpgid", "shmget", "shmat", "msgget", "semget", "mq_open",
        // The kernel's own doors.
        "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "keyctl",
        "add_key", "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
        "reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime", "fanotify_init",
        // What this process is.
        "unshare", "setns", "seccomp", "personality", "setuid", "setgid", "setresuid", "setresgid", "setrlimit",
        "capset",
        // The tree of files: mounts, changes, and files by other names than paths.
        "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig",
        "fspick", "mount_setattr", "memfd_create", "memfd_secret", "name_to_handle_at", "open_by_handle_at", "unlink",
        "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink",
        "symlinkat", "truncate", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "mknod",
        "mknodat", "utimensat", "setxattr", "fsetxattr", "chdir", "fchdir",
    ]

    /// The filter for the kernel.
    func program() -> FilterProgram {
        var program = FilterProgram()
        program.require(architecture: architecture.audit, else: .kill)
        if architecture == .x86 { program.refuse(numbersWith: Self.shortPointers, verdict: .kill) }
        program.loadNumber()
        func rules(_ names: [String], _ verdict: FilterVerdict) {
            for name in names { rule(name, otherwise: verdict) }
        }
        func rule(_ name: String, cases: [FilterCase] = [], otherwise: FilterVerdict) {
            guard let number = SystemCall.number(name, architecture) else { return }
            program.rule(number: number, cases: cases, otherwise: otherwise)
        }
        rules(Array(Self.allowed.prefix(4)), .allow)
        for name in ["mmap", "mprotect"] { rule(name, cases: [Self.withoutExecution], otherwise: .refuse(EACCES)) }
        rules(Array(Self.allowed.dropFirst(4)), .allow)
        rule("clone", cases: [Self.newThread], otherwise: .trap)
        // Its flags lie in memory, where a filter does not see them; the C library then uses clone.
        rule("clone3", otherwise: .refuse(ENOSYS))
        rule("rt_sigaction", cases: [Self.alarmHandler], otherwise: .allow)
        rule("tgkill", cases: [Self.when(0, [UInt64(process)])[0]], otherwise: .trap)
        rule("prlimit64", cases: [Self.ownLimits], otherwise: .trap)
        rule("prctl", cases: Self.when(0, Self.harmlessControls), otherwise: .refuse(EPERM))
        rule("fcntl", cases: Self.when(1, Self.harmlessDescriptorControls), otherwise: .refuse(EPERM))
        // Only asks whether standard output is a terminal.
        rule("ioctl", otherwise: .refuse(ENOTTY))
        rules(Self.unreachable, .refuse(EACCES))
        rules(Self.refused, .refuse(EPERM))
        rules(Self.hostile, .trap)
        program.finish(.refuse(ENOSYS))
        return program
    }

    private static let withoutExecution = FilterCase(
        conditions: [.masked(index: 2, mask: executable, value: 0)], verdict: .allow)

    private static let newThread = FilterCase(
        conditions: [.masked(index: 0, mask: threadFlags | foreignFlags, value: threadFlags)], verdict: .allow)

    /// The handler that tells of a trapped call stays.
    private static let alarmHandler = FilterCase(
        conditions: [.equals(index: 0, value: UInt64(SIGSYS))], verdict: .refuse(EPERM))

    /// Reads this process's limits and sets none.
    private static let ownLimits = FilterCase(
        conditions: [.equals(index: 0, value: 0), .equals(index: 2, value: 0)], verdict: .allow)

    private static func when(_ index: Int, _ values: [UInt64]) -> [FilterCase] {
        values.map { FilterCase(conditions: [.equals(index: index, value: $0)], verdict: .allow) }
    }
}
