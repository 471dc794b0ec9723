// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc
import HLS

/// Reads a presentation from a folder. What is outside the folder is not read, whatever a playlist says.
struct FolderReader: ResourceReader {
    private let folder: String

    init(folder: String) {
        self.folder = folder
    }

    func read(_ request: CheckRequest) -> CheckResponse {
        guard let path = Self.path(request.address) else { return .failure("the address is not inside the folder") }
        // Not blocking, so that a pipe of that name is no trap.
        let descriptor = open(folder + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return .failure(SystemError("open", code: errno).description) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure("it is no file")
        }
        let size = Int(status.st_size)
        let range = (request.range ?? 0..<size).clamped(to: 0..<size)
        guard range.count <= request.bytesMax else { return .failure("it has more than \(request.bytesMax) bytes") }
        return Self.read(descriptor, range)
    }

    private static func read(_ descriptor: Int32, _ range: Range<Int>) -> CheckResponse {
        var problem: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            while filled < range.count, let base = buffer.baseAddress {
                let count = pread(descriptor, base + filled, range.count - filled, off_t(range.lowerBound + filled))
                if count < 0, errno == EINTR { continue }
                if count < 0 { problem = errno }
                guard count > 0 else { break }
                filled += count
            }
        }
        return problem == 0 ? .content(bytes, nil) : .failure(SystemError("read", code: problem).description)
    }

    /// The path of an address without its query and percent escapes; nil for a URL and for what leaves the folder.
    static func path(_ address: String) -> String? {
        guard address.hasPrefix("/") else { return nil }
        var bytes: [UInt8] = []
        var rest = address.utf8.prefix { $0 != UInt8(ascii: "?") }[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        let path = String(decoding: bytes, as: UTF8.self)
        let isInside = !bytes.contains(0) && !path.split(separator: "/").contains("..")
        return isInside ? path : nil
    }

    /// The address of a file of the folder.
    static func address(name: String) -> String {
        var out = "/"
        for byte in name.utf8 {
            if byte >= 0x80 || byte <= 0x20 || "%?#".utf8.contains(byte) {
                let digits = String(byte, radix: 16)
                out += "%" + (digits.count == 1 ? "0" : "") + digits
            } else {
                out.unicodeScalars.append(UnicodeScalar(byte))
            }
        }
        return out
    }
}
