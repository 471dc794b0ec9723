// SPDX-License-Identifier: Apache-2.0

/// The processors for which this program knows the numbers of system calls.
enum Architecture: CaseIterable, Sendable {
    case x86, arm

    /// That of this process; nil for one without a table.
    static var current: Architecture? {
        #if arch(x86_64)
            .x86
        #elseif arch(arm64)
            .arm
        #else
            nil
        #endif
    }

    /// AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of `linux/audit.h`.
    var audit: UInt32 { self == .x86 ? 0xC000_003E : 0xC000_00B7 }
}

/// The numbers of the system calls of which the rules speak, by the kernel's names: those of `asm/unistd_64.h`
/// (x86-64) and `asm-generic/unistd.h` (aarch64, which lacks some).
enum SystemCall {
    /// Nil where the architecture has no call of this name.
    static func number(_ name: String, _ architecture: Architecture) -> UInt32? {
        let numbers = numbers[name]
        return architecture == .x86 ? numbers?.x86 : numbers?.arm
    }

    /// The name of a call, or `call N` for one that is not in the table.
    static func name(_ number: UInt32, _ architecture: Architecture) -> String {
        numbers.first { (architecture == .x86 ? $0.value.x86 : $0.value.arm) == number }?.key ?? "call \(number)"
    }

    static let numbers: [String: (x86: UInt32?, arm: UInt32?)] = [
        "read": (0, 63), "pread64": (17, 67), "readv": (19, 65), "write": (1, 64), "writev": (20, 66),
        "lseek": (8, 62), "close": (3, 57), "fstat": (5, 80), "mmap": (9, 222), "munmap": (11, 215),
        "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214), "mprotect": (10, 226), "futex": (202, 98),
        "set_robust_list": (273, 99), "rseq": (334, 293), "sched_yield": (24, 124), "sched_getaffinity": (204, 123),
        "getcpu": (309, 168), "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
        "nanosleep": (35, 101), "gettimeofday": (96, 169), "time": (201, nil), "getrandom": (318, 278),
        "rt_sigprocmask": (14, 135), "rt_sigaction": (13, 134), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
        "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94), "getpid": (39, 172),
        "gettid": (186, 178), "tgkill": (234, 131), "clone": (56, 220), "clone3": (435, 435), "getrusage": (98, 165),
        "sysinfo": (99, 179), "uname": (63, 160), "membarrier": (324, 283), "fcntl": (72, 25),
        "prlimit64": (302, 261), "prctl": (157, 167), "ioctl": (16, 29), "poll": (7, nil), "ppoll": (271, 73),
        "open": (2, nil), "openat": (257, 56), "openat2": (437, 437), "creat": (85, nil), "access": (21, nil),
        "faccessat": (269, 48), "faccessat2": (439, 439), "stat": (4, nil), "lstat": (6, nil),
        "newfstatat": (262, 79), "statx": (332, 291), "readlink": (89, nil), "readlinkat": (267, 78),
        "getdents64": (217, 61), "statfs": (137, 43), "getcwd": (79, 17), "sched_setaffinity": (203, 122),
        "sched_setscheduler": (144, 119), "setpriority": (141, 140), "socket": (41, 198), "socketpair": (53, 199),
        "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
        "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212),
        "sendmmsg": (307, 269), "recvmmsg": (299, 243), "execve": (59, 221), "execveat": (322, 281),
        "fork": (57, nil), "vfork": (58, nil), "ptrace": (101, 117), "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
        "pidfd_send_signal": (424, 424), "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
        "rt_tgsigqueueinfo": (297, 240), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
        "chroot": (161, 51), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
        "fsmount": (432, 432), "fsconfig": (431, 431), "fspick": (433, 433), "mount_setattr": (442, 442),
        "bpf": (321, 280), "perf_event_open": (298, 241), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
        "request_key": (249, 218), "unshare": (272, 97), "setns": (308, 268), "seccomp": (317, 277),
        "personality": (135, 92), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
        "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
        "swapoff": (168, 225), "setuid": (105, 146), "setgid": (106, 144), "setresuid": (117, 147),
        "setresgid": (119, 149), "setsid": (112, 157), "setpgid": (109, 154), "setrlimit": (160, 164),
        "capset": (126, 91), "memfd_create": (319, 279), "memfd_secret": (447, 447), "unlink": (87, nil),
        "unlinkat": (263, 35), "rename": (82, nil), "renameat": (264, 38), "renameat2": (316, 276),
        "mkdir": (83, nil), "mkdirat": (258, 34), "rmdir": (84, nil), "link": (86, nil), "linkat": (265, 37),
        "symlink": (88, nil), "symlinkat": (266, 36), "truncate": (76, 45), "chmod": (90, nil), "fchmod": (91, 52),
        "fchmodat": (268, 53), "chown": (92, nil), "fchown": (93, 55), "lchown": (94, nil), "fchownat": (260, 54),
        "mknod": (133, nil), "mknodat": (259, 33), "utimensat": (280, 88), "setxattr": (188, 5),
        "fsetxattr": (190, 7), "chdir": (80, 49), "fchdir": (81, 50), "name_to_handle_at": (303, 264),
        "open_by_handle_at": (304, 265), "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186),
        "semget": (64, 190), "mq_open": (240, 180), "fanotify_init": (300, 262), "acct": (163, 89),
        "settimeofday": (164, 170), "clock_settime": (227, 112),
    ]
}
