// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Glibc

/// Looks at a database file before LMDB maps it: a page that the file does not have would be a SIGBUS later.
///
/// The two meta pages are read as LMDB 0.9 writes them (data version 1, 64-bit): the page's flags at byte 10, then from
/// byte 16 magic (4), version (4), address (8), map size (8), two trees of 48 bytes (the first one's begin holds the page
/// size, the last 8 bytes of each its root), the last used page (8), the transaction (8).
struct DatabasePreflight: Equatable {
    enum Verdict: Equatable {
        /// There is no file, or an empty one.
        case new
        case usable(DatabasePreflight)
        /// Why it can not be used.
        case unusable(String)
    }

    private static let metaBytes = 152
    private static let magic: UInt32 = 0xBEEF_C0DE
    private static let dataVersion: UInt32 = 1
    private static let metaFlag: UInt16 = 0x08

    /// Bytes of the file up to the end of its last used page.
    let usedBytes: Int
    let pageBytes: Int

    /// Reads the file's meta pages. Throws when it can not be opened for a reason that is not its contents.
    static func look(at path: String) throws -> Verdict {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return .new }
            throw SystemError("open \(path)", code: errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("stat \(path)", code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .unusable("it is not a regular file") }
        if status.st_size == 0 { return .new }
        guard let first = read(descriptor, at: 0) else { return .unusable("it is shorter than a page") }
        guard let pageBytes = first.withUnsafeBytes(pageSize) else {
            return .unusable("it does not begin as an LMDB file of data version \(dataVersion)")
        }
        guard let second = read(descriptor, at: pageBytes), second.withUnsafeBytes(pageSize) == pageBytes else {
            return .unusable("its second meta page is damaged")
        }
        return judge(first, second, pageBytes: pageBytes, descriptor: descriptor, fileBytes: Int(status.st_size))
    }

    private static func read(_ descriptor: Int32, at offset: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: metaBytes)
        let count = pread(descriptor, &bytes, metaBytes, offset)
        return count == metaBytes ? bytes : nil
    }

    /// The page size that a meta page names, nil when it is none.
    private static func pageSize(_ meta: UnsafeRawBufferPointer) -> Int? {
        let flags: UInt16 = meta.littleEndian(at: 10)
        guard flags & metaFlag != 0, meta.littleEndian(at: 16) == magic, meta.littleEndian(at: 20) == dataVersion else {
            return nil
        }
        let bytes = Int(meta.littleEndian(at: 40) as UInt32)
        guard bytes >= 512, bytes <= 65_536, bytes & (bytes - 1) == 0 else { return nil }
        return bytes
    }

    /// The newer meta page counts, as in LMDB.
    private static func judge(
        _ first: [UInt8], _ second: [UInt8], pageBytes: Int, descriptor: Int32, fileBytes: Int
    ) -> Verdict {
        func number(_ meta: [UInt8], _ offset: Int) -> UInt64 { meta.withUnsafeBytes { $0.littleEndian(at: offset) } }
        let meta = number(first, 144) >= number(second, 144) ? first : second
        let lastPage = number(meta, 136)
        guard lastPage >= 1, lastPage < UInt64(Int.max / pageBytes) - 1 else {
            return .unusable("its meta page is damaged")
        }
        let usedBytes = (Int(lastPage) + 1) * pageBytes
        guard fileBytes >= usedBytes else {
            return .unusable("it is torn: it has \(fileBytes) bytes of \(usedBytes)")
        }
        let walk = DatabaseWalk(descriptor: descriptor, pageBytes: pageBytes, lastPage: lastPage)
        if let page = walk.damagedPage(below: [number(meta, 80), number(meta, 128)]) {
            return .unusable("it is torn or damaged: page \(page) is not what it should be")
        }
        return .usable(DatabasePreflight(usedBytes: usedBytes, pageBytes: pageBytes))
    }
}
