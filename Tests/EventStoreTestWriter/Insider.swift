import CLMDB
import DurableFiles
import EventStore
import EventStoreTesting
import Foundation

/// The insider of the threat model: holds the key, changes one event, and makes every hash and signature after it anew.
///
/// He writes with liblmdb alone, past everything that the program would refuse. What he leaves verifies; only who holds an
/// older tree head can tell.
struct Insider {
    private let transaction: OpaquePointer
    private let environment: OpaquePointer

    /// Changes one byte of the payload at a position.
    static func rewrite(_ folder: String, at position: Position) throws {
        let key = try LogKey.read(from: "\(LogFolders.beside(folder).keys)/log.key")
        let insider = try Insider(folder)
        var records = try insider.all("ev").map(\.1)
        let event = try RecordedEvent(record: records[Int(position)][...])
        let data = event.parts.data
        // A digit becomes another one: still canonical JSON.
        guard let place = data.first(where: { 0x31...0x38 ~= records[Int(position)][$0] }) else {
            throw InsiderError(description: "position \(position) has no digit to change")
        }
        records[Int(position)][place] += 1
        try insider.put("ev", bigEndian(position), records[Int(position)])
        try insider.putTree(of: records, key)
        guard mdb_txn_commit(insider.transaction) == 0 else { throw InsiderError(description: "no commit") }
        mdb_env_close(insider.environment)
    }

    private init(_ folder: String) throws {
        var environment: OpaquePointer?
        var transaction: OpaquePointer?
        guard mdb_env_create(&environment) == 0, mdb_env_set_maxdbs(environment, 8) == 0,
            mdb_env_set_mapsize(environment, 1 << 30) == 0, mdb_env_open(environment, folder, 0, 0o600) == 0,
            mdb_txn_begin(environment, nil, 0, &transaction) == 0, let environment, let transaction
        else { throw InsiderError(description: "\(folder) does not open") }
        (self.environment, self.transaction) = (environment, transaction)
    }

    private func putTree(of records: [[UInt8]], _ key: LogKey) throws {
        var level = records.map { MerkleFrontier.leaf(of: $0) }
        var frontier = MerkleFrontier()
        for leaf in level { frontier.append(leaf: leaf) }
        var number: UInt8 = 0
        while !level.isEmpty {
            for start in stride(from: 0, to: level.count, by: 256) {
                let (tile, key) = (level[start..<min(start + 256, level.count)], Self.bigEndian(UInt64(start / 256)))
                if tile.count == 256 { try put("ti", [number] + key, tile.flatMap { $0 }) }
                // An unfinished tile stands there hash by hash.
                for (place, hash) in tile.enumerated() where tile.count < 256 {
                    try put("ti", [number] + key + [UInt8(place)], hash)
                }
            }
            level = stride(from: 0, to: level.count / 256 * 256, by: 256).map { Self.root(Array(level[$0..<$0 + 256])) }
            number += 1
        }
        guard let stored = try all("me").first(where: { $0.0 == Array("head".utf8) })?.1,
            var tail = LogTail(stored: stored)
        else { throw InsiderError(description: "no head") }
        tail.frontier = frontier
        try put("me", Array("head".utf8), tail.stored)
        for (size, _) in try all("cp") { try remove("cp", size) }
        let head = TreeHead(origin: key.origin.text, size: frontier.size, root: frontier.root)
        let signature = SignedTreeHead.Signature(
            name: head.origin,
            keyID: key.verifier.keyID,
            bytes: try key.signature(over: Array(head.body.utf8))
        )
        try put("me", Array("newest".utf8), Array(SignedTreeHead(head, signatures: [signature]).note.utf8))
    }

    private static func root(_ hashes: [[UInt8]]) -> [UInt8] {
        hashes.count == 1
            ? hashes[0]
            : root(stride(from: 0, to: hashes.count, by: 2).map { MerkleFrontier.node(hashes[$0], hashes[$0 + 1]) })
    }

    private static func bigEndian(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    // MARK: liblmdb

    private func table(_ name: String) throws -> MDB_dbi {
        var handle: MDB_dbi = 0
        guard mdb_dbi_open(transaction, name, 0, &handle) == 0 else {
            throw InsiderError(description: "no table \(name)")
        }
        return handle
    }

    private func all(_ name: String) throws -> [([UInt8], [UInt8])] {
        var cursor: OpaquePointer?
        guard mdb_cursor_open(transaction, try table(name), &cursor) == 0 else { throw InsiderError(description: name) }
        defer { mdb_cursor_close(cursor) }
        var (found, key, value) = ([([UInt8], [UInt8])](), MDB_val(), MDB_val())
        while mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0 {
            found.append(
                (
                    Array(UnsafeRawBufferPointer(start: key.mv_data, count: key.mv_size)),
                    Array(UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size))
                )
            )
        }
        return found
    }

    private func put(_ name: String, _ key: [UInt8], _ value: [UInt8]) throws {
        let handle = try table(name)
        var (key, value) = (key, value)
        let code = key.withUnsafeMutableBytes { key in
            value.withUnsafeMutableBytes { value in
                var keyValue = MDB_val(mv_size: key.count, mv_data: key.baseAddress)
                var valueValue = MDB_val(mv_size: value.count, mv_data: value.baseAddress)
                return mdb_put(transaction, handle, &keyValue, &valueValue, 0)
            }
        }
        guard code == 0 else { throw InsiderError(description: "cannot write to \(name)") }
    }

    private func remove(_ name: String, _ key: [UInt8]) throws {
        let handle = try table(name)
        var key = key
        let code = key.withUnsafeMutableBytes { key in
            var value = MDB_val(mv_size: key.count, mv_data: key.baseAddress)
            return mdb_del(transaction, handle, &value, nil)
        }
        guard code == 0 else { throw InsiderError(description: "cannot remove from \(name)") }
    }
}

/// Why a history could not be made anew.
struct InsiderError: Error, CustomStringConvertible {
    let description: String
}
