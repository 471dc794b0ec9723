// SPDX-License-Identifier: Apache-2.0

@main
struct LoadTestMain {
    static func main() {}
}
