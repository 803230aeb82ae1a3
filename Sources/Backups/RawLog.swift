internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
package import EventStore
internal import Foundation
internal import Glibc

/// Moves a log between homes: its records, indexes, proofs and documents, not its keys.
package enum RawLog {
    /// What was written or taken in.
    package struct Report: Equatable, Sendable {
        /// The signed tree head at its end.
        package let head: SignedTreeHead
        /// How many records it holds.
        package let records: UInt64
        /// How many documents it holds.
        package let blobs: Int
        /// SHA-256 of the file.
        package let sha256: String
        /// Its size in bytes.
        package let size: Int64
    }

    private static let partSize = 1 << 20

    /// Writes a log from a position on to a new file, up to the tree head that it gives out for it.
    ///
    /// The file appears whole under its name or not at all. Throws ``BackupFault`` with `exists` when it is there, what reading
    /// the log throws, and ``DurableFiles/FileFault``.
    package static func export(_ log: LMDBEventLog, from: UInt64, blobs: String, to path: String) throws -> Report {
        guard access(path, F_OK) != 0 else {
            throw BackupFault(.exists, "\(path) exists already", hint: "name another file; none is overwritten")
        }
        let head = try log.giveOutTreeHead()
        guard from <= head.head.size else {
            throw BackupFault(
                .damaged,
                "position \(from) lies beyond the log, which ends at \(head.head.size)",
                hint: "--from is the first position to export"
            )
        }
        let work = try WorkFolder(beside: path, purpose: "export")
        let part = "\(work.path)/log"
        let blobCount = try write(log, head, from, blobs, to: part)
        let (sha256, size) = try FileDigest.of(part)
        do {
            try DurableFile.moveToNewName(part, to: path)
        } catch {
            guard error.errorNumber == EEXIST else { throw error }
            throw BackupFault(.exists, "\(path) exists already", hint: "name another file; none is overwritten")
        }
        return Report(head: head, records: head.head.size - from, blobs: blobCount, sha256: sha256, size: size)
    }

    private static func write(
        _ log: LMDBEventLog,
        _ head: SignedTreeHead,
        _ from: UInt64,
        _ blobs: String,
        to path: String
    ) throws -> Int {
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL)
        var (bytes, hasher) = (RawFrame.mark, SHA256())
        func flush() throws {
            hasher.update(data: bytes)
            try file.write(bytes)
            bytes.removeAll(keepingCapacity: true)
        }
        func put(_ frame: RawFrame) throws {
            try frame.append(to: &bytes)
            if bytes.count >= partSize { try flush() }
        }
        let header = RawHeader(
            origin: head.head.origin,
            verifierKey: log.identity.verifierKey,
            from: from,
            size: head.head.size
        )
        try put(.header(header))
        var next = from
        while next < head.head.size {
            for event in try log.page(from: next, limit: 2048).events where event.position < head.head.size {
                let isReplacement = event.record[event.record.startIndex + 1] & 1 != 0
                try put(
                    isReplacement
                        ? .redacted(leaf: try log.leaf(at: event.position), record: Array(event.record))
                        : .record(Array(event.record))
                )
                next = event.position + 1
            }
        }
        try log.forEachOutcome { key, row in
            // One that was stored after the head belongs to records that are not in here.
            if row.prefix(8).reduce(UInt64(0), { $0 << 8 | UInt64($1) }) < head.head.size {
                try put(.outcome(key: key, row: row))
            }
        }
        for kept in try log.treeHeads() where kept.head.size < head.head.size { try put(.treeHead(kept)) }
        let documents = try BackupArchive.Source.all(beneath: blobs, as: "blobs", mode: 0o600)
        for document in documents {
            let content = try DurableFile.read(document.file, limit: RawFrame.limit - 32)
            try put(.blob(sha256: Array(SHA256.hash(data: content)), bytes: content))
        }
        try flush()
        try put(.digest(Array(hasher.finalize())))
        try put(.end(head))
        try file.write(bytes)
        try file.synchronise()
        return documents.count
    }

    /// Builds a log and its documents from an export in folders that do not exist yet.
    ///
    /// One of the keys `pinned` must have signed its end; nil takes the one that the export names. Throws ``BackupFault`` with
    /// `damaged` (a byte changed anywhere is found) or ``EventStore/EventStoreError`` naming what is wrong; the folders are the caller's to remove then. `progress`
    /// gets the records since its last call.
    package static func importLog(
        from path: String,
        into logFolder: String,
        blobs: String,
        pinned: [VerifierKey]?,
        progress: (Int) -> Void = { _ in }
    ) throws -> Report {
        var reader = try RawReader(path)
        try reader.begin()
        guard case .header(let header)? = try reader.next() else {
            throw BackupFault.damagedExport(path, "it has no header")
        }
        guard header.from == 0 else {
            throw BackupFault(
                .damaged,
                "\(path) begins at position \(header.from)",
                hint: "a new home needs the log from its beginning: export it without --from"
            )
        }
        try DurableFile.makeDirectory(blobs, mode: 0o700)
        let log = try LogImport(into: logFolder)
        defer { log.abandon() }
        var (documents, told, head) = (0, UInt64(0), SignedTreeHead?.none)
        while let frame = try reader.next() {
            switch frame {
            case .header: throw BackupFault.damagedExport(path, "it has a second header")
            case .record(let record):
                guard record.count > 1, record[1] & 1 == 0 else {
                    throw BackupFault.damagedExport(path, "a redacted record has no leaf hash")
                }
                try log.add(record)
            case .redacted(let leaf, let record): try log.add(record, leaf: leaf)
            case .outcome(let key, let row): try log.add(outcome: row, under: key)
            case .treeHead(let kept): log.add(treeHead: kept)
            case .blob(let sha256, let bytes):
                guard SHA256.hash(data: bytes).elementsEqual(sha256) else {
                    throw BackupFault.damagedExport(
                        path,
                        "the document \(sha256.hexadecimal) is not what its name says"
                    )
                }
                try DurableFile.write(bytes, to: "\(blobs)/\(sha256.hexadecimal)", mode: 0o600)
                documents += 1
            case .digest: continue
            case .end(let signed): head = signed
            }
            if log.size - told >= 8192 {
                progress(Int(log.size - told))
                told = log.size
            }
        }
        guard let head else { throw BackupFault.damagedExport(path, "it has no tree head at its end") }
        try check(head, pinned, path)
        guard header.origin == head.head.origin, header.size == head.head.size else {
            throw BackupFault.damagedExport(path, "its header is not that of the log in it")
        }
        let key = try log.finish(head)
        guard header.verifierKey == key.text else {
            throw BackupFault.damagedExport(path, "its header names another key than the log in it")
        }
        return Report(
            head: head,
            records: log.size,
            blobs: documents,
            sha256: reader.sha256,
            size: Int64(reader.size)
        )
    }

    private static func check(_ head: SignedTreeHead, _ pinned: [VerifierKey]?, _ path: String) throws {
        guard let pinned, !pinned.contains(where: { head.isSigned(by: $0) }) else { return }
        throw BackupFault(
            .foreign,
            "the tree head at the end of \(path) is of \(head.head.origin) and not signed by the key \(pinned.map(\.text).joined(separator: " or "))",
            hint: "ask whoever gave you the file for the log's key of that day, and compare it by another way"
        )
    }
}
