// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Walks the trees of an LMDB file that is not mapped yet and finds pages that can not be: LMDB believes its pages, and ends
/// the process over one that was lost, by an assertion or by following it out of the map.
///
/// Pages are as LMDB 0.9 writes them: number (8 bytes), padding (2), flags (2), end of the node pointers (2), begin of the
/// nodes (2), pointers (2 each). A node: size of its data or the lower half of a page number (4), flags or the rest of the
/// page number (2), size of its key (2), key, data. Values of several pages are not looked into; slices have checksums.
struct DatabaseWalk {
    private static let headerBytes = 16
    private static let nodeBytes = 8
    private static let branchFlag: UInt16 = 1
    private static let leafFlag: UInt16 = 2
    private static let bigDataFlag: UInt16 = 1
    private static let subtreeFlag: UInt16 = 2
    private static let treeBytes = 48
    private static let noPage = UInt64.max

    let descriptor: Int32
    let pageBytes: Int
    let lastPage: UInt64

    /// The number of the first page that is damaged, of those below `roots`; nil when all are sound.
    func damagedPage(below roots: [UInt64]) -> UInt64? {
        var level = roots.filter { $0 != Self.noPage }
        var seen = Set<UInt64>()
        var page = [UInt8](repeating: 0, count: pageBytes)
        while !level.isEmpty {
            var below: [UInt64] = []
            // In the order of the file, which a disk reads faster.
            for number in level.sorted() {
                guard number >= 2, number <= lastPage, seen.insert(number).inserted,
                    pread(descriptor, &page, pageBytes, Int(number) * pageBytes) == pageBytes,
                    page.withUnsafeBytes({ check($0, number, &below) })
                else { return number }
            }
            level = below
        }
        return nil
    }

    /// Whether a page is sound; adds the pages it refers to.
    private func check(_ page: UnsafeRawBufferPointer, _ number: UInt64, _ below: inout [UInt64]) -> Bool {
        let flags: UInt16 = page.littleEndian(at: 10)
        let pointersEnd = Int(page.littleEndian(at: 12) as UInt16)
        let nodesStart = Int(page.littleEndian(at: 14) as UInt16)
        guard page.littleEndian(at: 0) == number, flags == Self.branchFlag || flags == Self.leafFlag,
            pointersEnd > Self.headerBytes, pointersEnd & 1 == 0, pointersEnd <= nodesStart, nodesStart <= pageBytes
        else { return false }
        for place in stride(from: Self.headerBytes, to: pointersEnd, by: 2) {
            let node = Int(page.littleEndian(at: place) as UInt16)
            guard node >= nodesStart, node + Self.nodeBytes <= pageBytes else { return false }
            let data = node + Self.nodeBytes + Int(page.littleEndian(at: node + 6) as UInt16)
            guard data <= pageBytes else { return false }
            if flags == Self.branchFlag {
                let high: UInt16 = page.littleEndian(at: node + 4)
                below.append(UInt64(page.littleEndian(at: node) as UInt32) | UInt64(high) << 32)
            } else if !checkLeaf(page, node, data, &below) {
                return false
            }
        }
        return true
    }

    private func checkLeaf(
        _ page: UnsafeRawBufferPointer, _ node: Int, _ data: Int, _ below: inout [UInt64]
    ) -> Bool {
        let count = Int(page.littleEndian(at: node) as UInt32)
        let flags: UInt16 = page.littleEndian(at: node + 4)
        if flags & Self.bigDataFlag != 0 {
            guard data + 8 <= pageBytes else { return false }
            let first: UInt64 = page.littleEndian(at: data)
            let pages = UInt64((Self.headerBytes + count - 1) / pageBytes + 1)
            return first >= 2 && first <= lastPage && pages <= lastPage - first + 1
        }
        guard data + count <= pageBytes else { return false }
        if flags & Self.subtreeFlag != 0 {
            guard count == Self.treeBytes else { return false }
            let root: UInt64 = page.littleEndian(at: data + 40)
            if root != Self.noPage { below.append(root) }
        }
        return true
    }
}
