// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transcode

/// The kernel's machine for filters of system calls, so far as the filters here use it: classic BPF as in
/// linux/Documentation/networking/filter.rst. Runs a program over a call without making it.
struct FilterMachine {
    struct Malformed: Error {}

    /// `struct seccomp_data`, little-endian.
    static func data(number: UInt32, architecture: UInt32, arguments: [UInt64]) -> [UInt8] {
        func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
            withUnsafeBytes(of: value.littleEndian, Array.init)
        }
        let padded = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        return bytes(number) + bytes(architecture) + bytes(UInt64(0x7FFF_0000_1234)) + padded.flatMap(bytes)
    }

    /// What the program returns. Throws for what the kernel's verifier would refuse.
    static func run(_ program: FilterProgram, on data: [UInt8]) throws -> UInt32 {
        var accumulator: UInt32 = 0
        var at = 0
        while program.instructions.indices.contains(at) {
            let instruction = program.instructions[at]
            at += 1
            switch instruction.code {
            case 0x20:
                let offset = Int(instruction.value)
                guard offset % 4 == 0, offset + 4 <= data.count else { throw Malformed() }
                accumulator = data[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
            case 0x54: accumulator &= instruction.value
            case 0x15, 0x45:
                let isTrue =
                    instruction.code == 0x15
                    ? accumulator == instruction.value : accumulator & instruction.value != 0
                at += Int(isTrue ? instruction.jumpTrue : instruction.jumpFalse)
            case 0x06: return instruction.value
            default: throw Malformed()
            }
        }
        throw Malformed()
    }

    /// The verdict on a call by name.
    static func verdict(
        _ filter: MediaChildFilter, _ name: String, _ arguments: [UInt64] = []
    ) throws -> UInt32 {
        let number = try #require(SystemCall.number(name, filter.architecture))
        return try run(
            filter.program(),
            on: data(number: number, architecture: filter.architecture.audit, arguments: arguments))
    }
}
