// SPDX-License-Identifier: Apache-2.0
//
// Owned by one run of a child, on the thread that reads the child's pipe; closes its descriptors when it goes.

import Glibc

/// The folder in which a parent stores what its media child hands over.
final class OutputFolder {
    /// What a file is called while it is written.
    private static let partSuffix = ".part"

    private let descriptor: Int32
    private var file: (descriptor: Int32, name: String)?

    /// `path` must exist.
    init(_ path: String) throws(MediaError) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MediaError.failed("open the folder \(path): errno \(errno)") }
    }

    deinit {
        if let file {
            // The child broke off in the middle of it.
            close(file.descriptor)
            unlinkat(descriptor, file.name + Self.partSuffix, 0)
        }
        close(descriptor)
    }

    /// Does what one event asks for; nothing for a message. The names were checked by `ChildStream`.
    func take(_ event: ChildStream.Event) throws(MediaError) {
        switch event {
        case .message: return
        case .folder(let name):
            guard mkdirat(descriptor, name, 0o755) == 0 || errno == EEXIST else {
                throw MediaError.failed("make \(name): errno \(errno)")
            }
        case .fileBegins(let name):
            let opened = openat(
                descriptor, name + Self.partSuffix, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o644)
            guard opened >= 0 else { throw MediaError.failed("create \(name): errno \(errno)") }
            file = (opened, name)
        case .fileBytes(let bytes):
            if let file { try writeAll(bytes, to: file.descriptor, name: file.name) }
        case .fileEnds:
            guard let file else { return }
            close(file.descriptor)
            self.file = nil
            // Who reads a file that is replaced sees all of the old or all of the new.
            guard renameat(descriptor, file.name + Self.partSuffix, descriptor, file.name) == 0 else {
                throw MediaError.failed("create \(file.name): errno \(errno)")
            }
        }
    }
}
