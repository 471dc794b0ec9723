// SPDX-License-Identifier: Apache-2.0

@main
struct EdgeMain {
    static func main() {}
}
