internal import CPOSIX
internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Glibc

/// A private copy of a source's file, taken while nobody wrote to it, and its digest.
///
/// What was read is then what the digest says, whatever happens to the source.
struct SourceSnapshot {
    /// The copy; with the companions of an SQLite file beside it.
    let path: String
    /// Of the file's bytes, and of its companions' after them where there are any.
    let sha256: String
    let size: Int
    /// Microseconds since 1970.
    let modifiedAt: Int64

    /// What a file looked like at one moment.
    private struct Look: Equatable {
        let device: UInt64
        let inode: UInt64
        let size: Int
        let modified: Int64
        let changed: Int64

        init(_ file: borrowing FileDescriptor) throws(FileFault) {
            let status = try file.status()
            (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
            size = Int(status.st_size)
            modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
            changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
        }
    }

    /// Copies a source into a folder of the caller's own; refuses one that another program writes to.
    ///
    /// Throws ``ExtractionFault``; what stands in the folder then is of no use.
    /// `whileCopying` is done once the first bytes are copied; for tests of a source that changes.
    static func take(
        _ path: String,
        _ kind: SourceDescription.Kind,
        in folder: String,
        whileCopying: () throws -> Void = {}
    ) throws(ExtractionFault) -> SourceSnapshot {
        do {
            if kind == .csv, try FileForm(at: path).kind == .folder { return try takeFolder(path, in: folder) }
            guard try FileForm(at: path).kind == .plain else { throw SourceHeader.notPlain(path) }
            let source = try FileDescriptor.open(path, O_RDONLY)
            let before = try Look(source)
            let header = try source.read(limit: SourceHeader.size)
            try SourceHeader.check(header, fileSize: before.size, kind, path: path)
            try refuseWriters(source.raw, path)
            let companions = kind == .sqlite ? try present(["-wal", "-journal"], of: path) : []
            // The copy has a name of its own, as a driver takes no name with its own signs.
            let name =
                switch kind {
                case .access: "source.accdb"
                case .csv: String(path.split(separator: "/").last ?? "source.csv")
                default: "source.db"
                }
            var hash = SHA256()
            _ = lseek(source.raw, 0, SEEK_SET)
            var isFirst = true
            try copy(source, to: "\(folder)/\(name)", &hash) {
                if isFirst { try whileCopying() }
                isFirst = false
            }
            for companion in companions {
                let file = try FileDescriptor.open(path + companion, O_RDONLY)
                let look = try Look(file)
                try copy(file, to: "\(folder)/\(name)\(companion)", &hash) {}
                guard try Look(file) == look else { throw changed(path) }
            }
            let digest = hash.finalize()
            let isSame =
                try Look(source) == before && Look(FileDescriptor.open(path, O_RDONLY)) == before
                && (kind != .sqlite || present(["-wal", "-journal"], of: path) == companions)
            guard isSame else { throw changed(path) }
            try refuseWriters(source.raw, path)
            if isYoung(before.modified) { try compare(source, path, companions, digest) }
            return SourceSnapshot(
                path: "\(folder)/\(name)",
                sha256: Array(digest).hexadecimal,
                size: before.size,
                modifiedAt: before.modified / 1000
            )
        } catch {
            throw SourceHeader.fault(error, path)
        }
    }

    /// Copies each file of CSV of a folder; its digest is over the names and digests of all.
    private static func takeFolder(_ path: String, in folder: String) throws -> SourceSnapshot {
        let names = try CSVFiles.names(in: path)
        var hash = SHA256()
        var (size, modifiedAt) = (0, Int64.min)
        for name in names {
            let part = try take("\(path)/\(name)", .csv, in: folder)
            hash.update(data: Array("\(part.sha256) \(name)\n".utf8))
            size += part.size
            modifiedAt = max(modifiedAt, part.modifiedAt)
        }
        guard try CSVFiles.names(in: path) == names else { throw changed(path) }
        return SourceSnapshot(
            path: folder,
            sha256: Array(hash.finalize()).hexadecimal,
            size: size,
            modifiedAt: modifiedAt
        )
    }

    private static func copy(
        _ source: borrowing FileDescriptor,
        to path: String,
        _ hash: inout SHA256,
        _ afterPart: () throws -> Void
    ) throws {
        let copy = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
        while true {
            let part = try source.read(limit: 1 << 20)
            guard !part.isEmpty else { return }
            hash.update(data: part)
            try copy.write(part)
            try afterPart()
        }
    }

    /// A file written so lately that a further write might not show in its times, which go by ticks of the kernel.
    private static func isYoung(_ modified: Int64) -> Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec) - modified < 2_000_000_000
    }

    /// Reads the source once more and compares.
    private static func compare(
        _ source: borrowing FileDescriptor,
        _ path: String,
        _ companions: [String],
        _ digest: SHA256.Digest
    ) throws {
        var hash = SHA256()
        func add(_ file: borrowing FileDescriptor) throws {
            while true {
                let part = try file.read(limit: 1 << 20)
                guard !part.isEmpty else { return }
                hash.update(data: part)
            }
        }
        _ = lseek(source.raw, 0, SEEK_SET)
        try add(source)
        for companion in companions { try add(FileDescriptor.open(path + companion, O_RDONLY)) }
        guard hash.finalize() == digest else { throw changed(path) }
    }

    private static func present(_ companions: [String], of path: String) throws -> [String] {
        companions.filter { ((try? FileForm(at: path + $0))?.size ?? 0) > 0 }
    }

    /// Refuses a file of which another process holds a lock for writing; drivers ignore locks.
    private static func refuseWriters(_ descriptor: Int32, _ path: String) throws(ExtractionFault) {
        var lock = flock()
        lock.l_type = Int16(F_RDLCK)
        lock.l_whence = Int16(SEEK_SET)
        let isHeld = fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
        // One that another holds exclusively is not given, and a shared one disturbs nobody.
        let isShared = cposix_flock(descriptor, 0, 0) == 0
        if isShared { _ = cposix_unlock(descriptor) }
        guard !isHeld, isShared || errno != EWOULDBLOCK else {
            throw ExtractionFault(
                .locked,
                "\(path) is being written to by another program",
                hint: "close it there, or try again when it is done",
                file: path
            )
        }
    }

    private static func changed(_ path: String) -> ExtractionFault {
        ExtractionFault(
            .changed,
            "\(path) changed while it was copied",
            hint: "somebody works in it: try again, or copy it when nobody does",
            file: path
        )
    }
}
