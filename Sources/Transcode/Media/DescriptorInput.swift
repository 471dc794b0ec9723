// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import CLinux
import Glibc

/// Gives an open file to libav through callbacks, so that libav never opens anything by name.
///
/// Reads with `pread`, from the given descriptor only; the descriptor stays the caller's.
final class DescriptorInput {
    private static let bufferBytes: Int32 = 64 << 10

    /// For `AVFormatContext.pb`; freed with this object, after the context is closed.
    private(set) var context: UnsafeMutablePointer<AVIOContext>
    fileprivate let descriptor: Int32
    fileprivate var position: Int64 = 0
    /// The file's size in bytes when it was opened.
    let size: Int64

    init(descriptor: Int32) throws(MediaError) {
        size = spw_regular_file_size(descriptor)
        guard size >= 0 else { throw MediaError.unusable("The input is not a regular file.") }
        self.descriptor = descriptor
        guard let buffer = av_malloc(Int(Self.bufferBytes)) else { throw MediaError.failed("no memory for input") }
        guard
            let context = avio_alloc_context(
                buffer.assumingMemoryBound(to: UInt8.self), Self.bufferBytes, 0, nil, readInput, nil, seekInput)
        else {
            av_free(buffer)
            throw MediaError.failed("no memory for input")
        }
        self.context = context
        context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        // libav may have replaced the buffer; the context knows the present one.
        av_free(context.pointee.buffer)
        var pointer: UnsafeMutablePointer<AVIOContext>? = context
        avio_context_free(&pointer)
    }

    /// True for an MP4 file of fragments: one of its first boxes is a `moof` (ISO/IEC 14496-12 section 8.8.4).
    func isFragmented() -> Bool {
        var offset: Int64 = 0
        for _ in 0..<Self.boxesLookedAt {
            let header = bytes(at: offset, count: 16)
            guard header.count == 16 else { return false }
            if header[4..<8].elementsEqual("moof".utf8) { return true }
            var size = header[..<4].reduce(Int64(0)) { $0 << 8 | Int64($1) }
            if size == 1 { size = header[8...].reduce(Int64(0)) { ($0 & 0xFF_FFFF_FFFF_FFFF) << 8 | Int64($1) } }
            let (next, overflow) = offset.addingReportingOverflow(size)
            guard size >= 8, !overflow else { return false }
            offset = next
        }
        return false
    }

    private static let boxesLookedAt = 64

    /// The first bytes of the file, at most `count`.
    func head(_ count: Int) -> [UInt8] {
        bytes(at: 0, count: count)
    }

    private func bytes(at offset: Int64, count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let length = pread(descriptor, &bytes, count, off_t(offset))
        return length > 0 ? Array(bytes[..<length]) : []
    }
}

private func readInput(opaque: UnsafeMutableRawPointer?, buffer: UnsafeMutablePointer<UInt8>?, count: Int32) -> Int32 {
    guard let opaque, let buffer, count > 0 else { return spw_av_io_error() }
    let input = Unmanaged<DescriptorInput>.fromOpaque(opaque).takeUnretainedValue()
    while true {
        let length = pread(input.descriptor, buffer, Int(count), off_t(input.position))
        if length > 0 {
            input.position += Int64(length)
            return Int32(length)
        }
        // The end must be AVERROR_EOF: libav would call again for ever after a 0.
        if length == 0 { return spw_av_eof() }
        if errno != EINTR { return spw_av_io_error() }
    }
}

private func seekInput(opaque: UnsafeMutableRawPointer?, offset: Int64, whence: Int32) -> Int64 {
    guard let opaque else { return Int64(spw_av_io_error()) }
    let input = Unmanaged<DescriptorInput>.fromOpaque(opaque).takeUnretainedValue()
    let base: Int64
    switch whence & ~AVSEEK_FORCE {
    case AVSEEK_SIZE: return input.size
    case SEEK_SET: base = 0
    case SEEK_CUR: base = input.position
    case SEEK_END: base = input.size
    default: return Int64(spw_av_io_error())
    }
    let (target, overflow) = base.addingReportingOverflow(offset)
    guard !overflow, target >= 0 else { return Int64(spw_av_io_error()) }
    input.position = target
    return target
}
