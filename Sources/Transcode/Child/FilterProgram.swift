// SPDX-License-Identifier: Apache-2.0

/// What a seccomp filter answers to a system call (seccomp(2)).
enum FilterVerdict: Equatable, Sendable {
    case allow
    /// The call is not made and fails with this errno.
    case refuse(Int32)
    /// The call is not made; SIGSYS is sent, with the call's number.
    case trap
    /// The process ends at once by SIGSYS.
    case kill

    /// The value that the filter returns.
    var value: UInt32 {
        switch self {
        case .allow: 0x7FFF_0000
        case .refuse(let code): 0x0005_0000 | UInt32(truncatingIfNeeded: code) & 0xFFFF
        case .trap: 0x0003_0000
        case .kill: 0x8000_0000
        }
    }
}

/// A condition on one argument of a system call.
enum ArgumentCondition: Equatable, Sendable {
    /// Argument `index` (0 to 5) is `value` in all of its 64 bits.
    case equals(index: Int, value: UInt64)
    /// Argument `index`, of which the kernel takes the low 32 bits, is `value` where `mask` has ones.
    case masked(index: Int, mask: UInt32, value: UInt32)
}

/// A program of classic BPF over `struct seccomp_data`, put together instruction by instruction.
///
/// The kernel's machine has one register and jumps forward only, over at most 255 instructions
/// (linux/Documentation/networking/filter.rst). All that is written here is a row of blocks, each of which
/// returns a verdict or is jumped over as a whole; a block is short, so that its jumps always fit.
struct FilterProgram: Sendable {
    /// Where the parts of `struct seccomp_data` lie; a half of 64 bits each, the low one first.
    private enum Offset {
        static let number: UInt32 = 0
        static let architecture: UInt32 = 4
        static func argument(_ index: Int) -> UInt32 { 16 + 8 * UInt32(index) }
    }

    /// Class, size or operation, and source, as in `linux/bpf_common.h`.
    private enum Code {
        static let load: UInt16 = 0x20
        static let jumpIfEqual: UInt16 = 0x15
        static let jumpIfAnyBit: UInt16 = 0x45
        static let and: UInt16 = 0x54
        static let giveBack: UInt16 = 0x06
    }

    /// `struct sock_filter`: where to go on counts from the next instruction.
    struct Instruction: Sendable, Equatable {
        var code: UInt16
        var jumpTrue: UInt8 = 0
        var jumpFalse: UInt8 = 0
        var value: UInt32
    }

    private(set) var instructions: [Instruction] = []

    /// `verdict` for a call of another architecture than `audit` (AUDIT_ARCH_*), whose numbers mean other calls.
    mutating func require(architecture audit: UInt32, else verdict: FilterVerdict) {
        emit(Code.load, Offset.architecture)
        emit(Code.jumpIfEqual, audit, ifTrue: 1, ifFalse: 0)
        emit(Code.giveBack, verdict.value)
    }

    /// `verdict` for a call whose number has any of `bits`. Keeps the number for `rule`.
    mutating func refuse(numbersWith bits: UInt32, verdict: FilterVerdict) {
        emit(Code.load, Offset.number)
        emit(Code.jumpIfAnyBit, bits, ifTrue: 0, ifFalse: 1)
        emit(Code.giveBack, verdict.value)
    }

    /// Begins the rules: the number of the call is looked at from here on.
    mutating func loadNumber() { emit(Code.load, Offset.number) }

    /// The call `number` gets the verdict of the first case all of whose conditions hold, else `otherwise`.
    mutating func rule(number: UInt32, cases: [FilterCase] = [], otherwise: FilterVerdict) {
        var block = FilterProgram()
        for one in cases { block.add(one) }
        block.emit(Code.giveBack, otherwise.value)
        precondition(block.instructions.count <= 255, "a rule is longer than a jump")
        emit(Code.jumpIfEqual, number, ifTrue: 0, ifFalse: UInt8(block.instructions.count))
        instructions += block.instructions
    }

    /// The verdict for all that had no rule; ends the program.
    mutating func finish(_ verdict: FilterVerdict) { emit(Code.giveBack, verdict.value) }

    private mutating func add(_ one: FilterCase) {
        // Each condition falls through when it holds; the distance to the end of the case is known afterwards.
        var tests: [Int] = []
        let start = instructions.count
        for condition in one.conditions {
            switch condition {
            case .equals(let index, let value):
                emit(Code.load, Offset.argument(index))
                tests.append(instructions.count)
                emit(Code.jumpIfEqual, UInt32(truncatingIfNeeded: value))
                emit(Code.load, Offset.argument(index) + 4)
                tests.append(instructions.count)
                emit(Code.jumpIfEqual, UInt32(truncatingIfNeeded: value >> 32))
            case .masked(let index, let mask, let value):
                emit(Code.load, Offset.argument(index))
                emit(Code.and, mask)
                tests.append(instructions.count)
                emit(Code.jumpIfEqual, value)
            }
        }
        emit(Code.giveBack, one.verdict.value)
        precondition(instructions.count - start <= 255, "a case is longer than a jump")
        for test in tests { instructions[test].jumpFalse = UInt8(instructions.count - test - 1) }
    }

    private mutating func emit(_ code: UInt16, _ value: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0) {
        instructions.append(Instruction(code: code, jumpTrue: ifTrue, jumpFalse: ifFalse, value: value))
    }
}

/// A verdict that depends on arguments.
struct FilterCase: Equatable, Sendable {
    var conditions: [ArgumentCondition]
    var verdict: FilterVerdict
}
