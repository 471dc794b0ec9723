// SPDX-License-Identifier: Apache-2.0

@main
struct OriginMain {
    static func main() {}
}
