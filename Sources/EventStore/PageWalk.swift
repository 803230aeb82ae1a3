internal import CLMDB
internal import Glibc

/// A walk over every page of the environment as one commit left it, before anything follows the pointers in them.
///
/// liblmdb believes what its pages say. The walk reads them from a map of its own and checks each number that the library
/// would follow: kinds, bounds, the order of keys, counts, that no page is used twice, and that no page is both used and free,
/// for the next commit would write over it.
struct PageWalk {
    private static let header = 16
    private static let branch: UInt16 = 1
    private static let leaf: UInt16 = 2
    private static let overflow: UInt16 = 4
    private static let isElsewhere: UInt16 = 1
    private static let isTable: UInt16 = 2
    private static let deepest = 32

    /// Why a page is not one that liblmdb wrote.
    struct Fault: Error {
        let words: String
    }

    private typealias Key = UnsafeRawBufferPointer

    private let file: UnsafeRawBufferPointer
    private let pageSize: Int
    private let lastPage: UInt64
    private var used: [UInt64]
    private var isFreeTable = false
    /// Tables stand in the table of names only.
    private var isWithinTable = false
    private var leaves = 0

    /// What a walk came to.
    enum Finding: Equatable {
        case sound
        /// What is wrong, in words.
        case fault(String)
        /// Others committed so fast that the first page of this commit may be another's by now: look again in a new transaction.
        case overtaken
    }

    /// Walks the commit that a transaction reads.
    ///
    /// Takes liblmdb's own handle, as it is also asked for before any table is opened. To be the first use of the transaction: the
    /// second commit after its own writes over the page that the walk starts from.
    static func finding(in transaction: OpaquePointer) -> Finding {
        var descriptor: mdb_filehandle_t = -1
        guard let environment = mdb_txn_env(transaction), mdb_env_get_fd(environment, &descriptor) == MDB_SUCCESS
        else { return .fault("liblmdb has no file") }
        // LMDB's own descriptor: opening and closing the file once more would drop its locks.
        let length = Int(lseek(descriptor, 0, SEEK_END))
        guard length > 0, let map = mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0), map != MAP_FAILED else {
            return .fault("data.mdb cannot be read")
        }
        defer { munmap(map, length) }
        do {
            let file = UnsafeRawBufferPointer(start: map, count: length)
            let start = Result { try Start(of: UInt64(mdb_txn_id(transaction)), in: file) }
            // Readers see a commit after its first page is written, and before the next one writes its own: as long as this is
            // the newest, nobody has touched what was copied.
            guard isNewest(transaction, in: environment) else { return .overtaken }
            try walk(file, from: start.get())
            return .sound
        } catch let fault as Fault {
            return .fault(fault.words)
        } catch {
            return .fault("\(error)")
        }
    }

    /// Whether a reader that begins now sees the same commit; true where that cannot be asked.
    private static func isNewest(_ transaction: OpaquePointer, in environment: OpaquePointer) -> Bool {
        var other: OpaquePointer?
        guard mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &other) == MDB_SUCCESS, let other else { return true }
        defer { mdb_txn_abort(other) }
        return mdb_txn_id(other) == mdb_txn_id(transaction)
    }

    /// What the walk of a commit starts from, copied: its own first page is written over by the second commit after it.
    private struct Start {
        let pageSize: Int
        let lastPage: UInt64
        /// 48 bytes for each of the two tables.
        let freePages: [UInt8]
        let names: [UInt8]

        init(of commit: UInt64, in file: UnsafeRawBufferPointer) throws {
            let pageSize = try PageWalk.pageSize(of: file)
            let starts = [header, pageSize + header]
            guard
                let start = starts.first(where: {
                    file.loadUnaligned(fromByteOffset: $0 + 128, as: UInt64.self) == commit
                })
            else { throw Fault(words: "neither of the two first pages is of commit \(commit)") }
            self.pageSize = pageSize
            lastPage = file.loadUnaligned(fromByteOffset: start + 120, as: UInt64.self)
            freePages = Array(file[(start + 24)..<(start + 72)])
            names = Array(file[(start + 72)..<(start + 120)])
        }
    }

    private static func pageSize(of file: UnsafeRawBufferPointer) throws -> Int {
        // Offsets of MDB_meta, as in MetaPages; 48 bytes for each of its two tables: the free pages and the names.
        let pageSize = Int(file.loadUnaligned(fromByteOffset: header + 24, as: UInt32.self))
        guard 512...65_536 ~= pageSize, file.count >= 2 * pageSize else { throw Fault(words: "data.mdb is cut short") }
        return pageSize
    }

    private static func walk(_ file: UnsafeRawBufferPointer, from start: Start) throws {
        var walk = PageWalk(file: file, pageSize: start.pageSize, lastPage: start.lastPage)
        try start.names.withUnsafeBytes { try walk.table($0) }
        walk.isFreeTable = true
        try start.freePages.withUnsafeBytes { try walk.table($0) }
    }

    private init(file: UnsafeRawBufferPointer, pageSize: Int, lastPage: UInt64) {
        (self.file, self.pageSize, self.lastPage) = (file, pageSize, lastPage)
        used = [UInt64](repeating: 0, count: Int(min(lastPage, UInt64(file.count / pageSize) + 64) / 64) + 1)
    }

    /// Walks a table by the 48 bytes that describe it.
    private mutating func table(_ description: UnsafeRawBufferPointer) throws {
        let depth = description.loadUnaligned(fromByteOffset: 6, as: UInt16.self)
        let entries = description.loadUnaligned(fromByteOffset: 32, as: UInt64.self)
        let root = description.loadUnaligned(fromByteOffset: 40, as: UInt64.self)
        guard root != .max else {
            guard entries == 0 else { throw Fault(words: "a table of \(entries) entries has no pages") }
            return
        }
        guard depth <= Self.deepest else { throw Fault(words: "a table is \(depth) levels deep") }
        guard isFreeTable || description.loadUnaligned(fromByteOffset: 4, as: UInt16.self) == 0 else {
            throw Fault(words: "the table with root page \(root) has an order of keys that no table here has")
        }
        // Tables stand within the table of their names: each counts its own entries.
        let outer = leaves
        leaves = 0
        try tree(root, level: Int(depth), from: nil, to: nil)
        guard UInt64(leaves) == entries else {
            throw Fault(words: "the table with root page \(root) counts \(entries) entries and has \(leaves)")
        }
        leaves = outer
    }

    private mutating func take(_ page: UInt64, _ count: UInt64 = 1) throws -> Int {
        guard page > 1, page <= lastPage, count > 0, count <= lastPage - page + 1,
            page + count <= UInt64(file.count / pageSize)
        else { throw Fault(words: "page \(page) lies outside data.mdb") }
        for number in page..<page + count {
            guard used[Int(number / 64)] & 1 << (number % 64) == 0 else {
                throw Fault(words: "page \(number) is used twice\(isFreeTable ? ", or is used and free" : "")")
            }
            used[Int(number / 64)] |= 1 << (number % 64)
        }
        return Int(page) * pageSize
    }

    private mutating func tree(_ page: UInt64, level: Int, from low: Key?, to high: Key?) throws {
        let start = try take(page)
        let bytes = UnsafeRawBufferPointer(rebasing: file[start..<start + pageSize])
        let kind = bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self)
        let lower = Int(bytes.loadUnaligned(fromByteOffset: 12, as: UInt16.self))
        let upper = Int(bytes.loadUnaligned(fromByteOffset: 14, as: UInt16.self))
        guard bytes.loadUnaligned(as: UInt64.self) == page else { throw Fault(words: "page \(page) is another one") }
        guard kind == (level > 1 ? Self.branch : Self.leaf) else {
            throw Fault(words: "page \(page) is of kind \(kind) on level \(level)")
        }
        guard lower >= Self.header, lower % 2 == 0, lower <= upper, upper <= pageSize, lower > Self.header else {
            throw Fault(words: "page \(page) has room from \(lower) to \(upper)")
        }
        let count = (lower - Self.header) / 2
        var last = low
        for index in 0..<count {
            let node = try node(index, of: bytes, page, upper)
            if kind == Self.branch {
                let next = index + 1 < count ? try self.node(index + 1, of: bytes, page, upper).key : high
                let from = index == 0 ? low : node.key
                try inOrder(from, next, page, isStrict: true)
                try tree(node.child, level: level - 1, from: from, to: next)
            } else {
                try inOrder(last, node.key, page, isStrict: index > 0)
                if let high { try inOrder(node.key, high, page, isStrict: true) }
                last = node.key
                leaves += 1
                try take(node, page)
            }
        }
    }

    private struct Node {
        let key: Key
        let child: UInt64
        let flags: UInt16
        let count: Int
        /// Where the value, or the number of its page, stands in the file's page.
        let value: Key
    }

    private func node(_ index: Int, of bytes: Key, _ page: UInt64, _ upper: Int) throws -> Node {
        let start = Int(bytes.loadUnaligned(fromByteOffset: Self.header + 2 * index, as: UInt16.self))
        guard start >= upper, start + 8 <= pageSize else { throw Fault(words: "page \(page) has an entry at \(start)") }
        func word(_ offset: Int) -> UInt16 { bytes.loadUnaligned(fromByteOffset: start + offset, as: UInt16.self) }
        let isLeaf = bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self) == Self.leaf
        let number = Int(word(0)) | Int(word(2)) << 16
        let size = isLeaf ? word(4) & Self.isElsewhere != 0 ? 8 : number : 0
        let end = start + 8 + Int(word(6))
        guard end + size <= pageSize else { throw Fault(words: "page \(page) has an entry beyond its end") }
        guard !isLeaf || word(4) <= Self.isTable else {
            throw Fault(words: "page \(page) has an entry of kind \(word(4))")
        }
        return Node(
            key: Key(rebasing: bytes[start + 8..<end]),
            child: UInt64(number) | UInt64(word(4)) << 32,
            flags: word(4),
            count: number,
            value: Key(rebasing: bytes[end..<end + size])
        )
    }

    /// Takes what stands under a key of a leaf: a value, a value on pages of its own, or a table.
    private mutating func take(_ node: Node, _ page: UInt64) throws {
        var value = node.value
        if node.flags & Self.isElsewhere != 0 {
            let first = value.loadUnaligned(as: UInt64.self)
            let pages = UInt64((Self.header + node.count + pageSize - 1) / pageSize)
            let start = try take(first, pages)
            guard file.loadUnaligned(fromByteOffset: start, as: UInt64.self) == first,
                file.loadUnaligned(fromByteOffset: start + 10, as: UInt16.self) == Self.overflow,
                file.loadUnaligned(fromByteOffset: start + 12, as: UInt32.self) == UInt32(pages)
            else { throw Fault(words: "page \(first) is no page of a long value") }
            value = Key(rebasing: file[start + Self.header..<start + Self.header + node.count])
        }
        if node.flags & Self.isTable != 0 {
            guard !isFreeTable, !isWithinTable, value.count == 48 else {
                throw Fault(words: "page \(page) describes a table wrongly")
            }
            isWithinTable = true
            try table(value)
            isWithinTable = false
        } else if isFreeTable {
            try takeFree(value, page)
        }
    }

    /// Free pages: their count, then their numbers; one that a table uses would be written over.
    private mutating func takeFree(_ value: Key, _ page: UInt64) throws {
        guard value.count >= 8, value.count % 8 == 0 else {
            throw Fault(words: "page \(page) lists free pages wrongly")
        }
        let count = value.loadUnaligned(as: UInt64.self)
        guard count <= UInt64(value.count / 8 - 1) else {
            throw Fault(words: "page \(page) lists \(count) free pages in \(value.count) bytes")
        }
        for index in 0..<Int(count) {
            let number = value.loadUnaligned(fromByteOffset: 8 * (index + 1), as: UInt64.self)
            // Free pages at the end of the file need not be there.
            guard number > 1, number <= lastPage else {
                throw Fault(words: "page \(number) is free and does not exist")
            }
            guard Int(number / 64) < used.count else { continue }
            guard used[Int(number / 64)] & 1 << (number % 64) == 0 else {
                throw Fault(words: "page \(number) is free and used, or free twice")
            }
            used[Int(number / 64)] |= 1 << (number % 64)
        }
    }

    private func inOrder(_ first: Key?, _ second: Key?, _ page: UInt64, isStrict: Bool) throws {
        // The free table's keys are numbers in the machine's order: compared nowhere else.
        guard !isFreeTable, let first, let second, let one = first.baseAddress, let other = second.baseAddress else {
            return
        }
        let order = memcmp(one, other, min(first.count, second.count))
        let isBefore =
            order < 0 || order == 0 && (first.count < second.count || !isStrict && first.count == second.count)
        guard isBefore else { throw Fault(words: "page \(page) has keys out of order") }
    }
}

extension UnsafeRawBufferPointer {
    /// How far behind the start of this memory a part of it begins.
    fileprivate func distance(to part: UnsafeRawBufferPointer) -> Int {
        guard let start = baseAddress, let address = part.baseAddress else { return 0 }
        return address - start
    }
}
