// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Tells a process how near it came to its memory limit; made before it is confined, which closes /proc to it.
final class MemoryWatch {
    private let descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC)

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// True when the process came so near to `bytesMax` of address space that a failed allocation may stand behind any
    /// error: libav reports some of them as damage of the file.
    func mayHaveBeenShort(of bytesMax: Int) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return false }
        let line = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").first {
            $0.hasPrefix("VmPeak:")
        }
        guard let kibibytes = line?.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap({ Int($0) })
        else { return false }
        return kibibytes > bytesMax / 1024 / 4 * 3
    }
}
