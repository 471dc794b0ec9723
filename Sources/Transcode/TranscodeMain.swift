// SPDX-License-Identifier: Apache-2.0

@main
struct TranscodeMain {
    static func main() {}
}
