internal import DurableFiles
internal import Glibc

/// The two pages at the start of an LMDB file, one of which is written by each commit in turn.
///
/// LMDB takes the page with the greater transaction number, and has no check sum over it: a flipped bit in that number would
/// quietly put the log back by one commit. They are therefore looked at before the environment is opened.
enum MetaPages {
    private struct Page {
        var transaction: UInt64
        var lastPage: UInt64
        var mapSize: UInt64
        var roots: [UInt64]
        var pageSize: UInt32
    }

    // Offsets within a page, in the machine's byte order: page header 16, then MDB_meta of liblmdb 0.9.
    private static let magic: UInt32 = 0xBEEF_C0DE
    private static let bytesOfAPage = 16 + 136
    private static let noPage = UInt64.max

    /// Throws ``EventStoreError/Code/damaged`` unless the pages are those of two successive commits that lie within the file.
    ///
    /// Called while this process does not have the environment open; other processes may commit meanwhile, and then it looks
    /// again.
    static func check(_ folder: String) throws(EventStoreError) {
        let path = "\(folder)/data.mdb"
        var reason = ""
        for _ in 0..<8 {
            do throws(FileFault) {
                guard let finding = try finding(path) else { return }
                reason = finding
            } catch {
                throw .file(error)
            }
            sched_yield()
        }
        throw EventStoreError(
            .damaged,
            "the file \(path) is damaged: \(reason)",
            hint: "keep a copy of data/log, and restore a backup; nothing was changed"
        )
    }

    private static func finding(_ path: String) throws(FileFault) -> String? {
        let file = try FileDescriptor.open(path, O_RDONLY)
        let start = try file.read(limit: 1 << 17)
        guard let first = page(start, at: 0) else { return "its first page is not one of LMDB" }
        guard 512...65_536 ~= first.pageSize, first.pageSize.nonzeroBitCount == 1,
            let second = page(start, at: Int(first.pageSize)), second.pageSize == first.pageSize
        else { return "its second page does not belong to its first" }
        let (older, newer) = first.transaction < second.transaction ? (first, second) : (second, first)
        let isFresh = older.transaction == 0 && newer.transaction == 0
        // The commit with an even number writes the first page, the one with an odd number the second.
        let isInPlace = (first.transaction > second.transaction) == (newer.transaction % 2 == 0)
        guard isFresh || newer.transaction - older.transaction == 1 && isInPlace else {
            return
                "its two first pages are of commits \(first.transaction) and \(second.transaction), not of neighbours"
        }
        let length = lseek(file.raw, 0, SEEK_END)
        // liblmdb maps as much as the last page asks for, whatever stands there.
        guard newer.lastPage < newer.mapSize / UInt64(first.pageSize),
            newer.roots.allSatisfy({ $0 == noPage || $0 <= newer.lastPage })
        else {
            return "its newest page of commit \(newer.transaction) names pages that cannot be"
        }
        // Pages at the end that no tree uses are not always written, so only what the trees start from must be there.
        let needed = newer.roots.filter { $0 != noPage }.max().map { ($0 + 1) * UInt64(first.pageSize) } ?? 0
        guard UInt64(max(0, length)) >= needed else {
            return "it ends after \(length) bytes, and its newest commit needs \(needed)"
        }
        return nil
    }

    private static func page(_ bytes: [UInt8], at start: Int) -> Page? {
        guard bytes.count >= start + bytesOfAPage else { return nil }
        return bytes.withUnsafeBytes { bytes in
            func read<Number: FixedWidthInteger>(_ offset: Int, as type: Number.Type = Number.self) -> Number {
                bytes.loadUnaligned(fromByteOffset: start + 16 + offset, as: type)
            }
            guard read(0, as: UInt32.self) == magic, read(4, as: UInt32.self) == 1 else { return nil }
            return Page(
                transaction: read(128),
                lastPage: read(120),
                mapSize: read(16),
                roots: [read(64), read(112)],
                pageSize: read(24)
            )
        }
    }
}
