internal import Crypto
internal import DurableFiles
internal import Glibc

/// A rendered document as it lies on disk.
enum DocumentFile {
    /// What a cheap look tells: changed if anybody wrote.
    struct Status: Equatable {
        let sizeBytes: Int
        let modifiedNanoseconds: Int
    }

    /// What became of a document since it was written.
    enum Finding: Equatable {
        case intact
        /// The bytes are ours, the row does not know their status yet.
        case touched(Status, sha256: String)
        case missing
        case edited(found: String)
    }

    private static let limit = 1 << 30

    /// Compares size and time of modification with the row, and only if they differ, the digest.
    static func inspect(_ path: String, _ entry: DocumentLedger.Entry) throws -> Finding {
        guard let look = try look(path) else { return .missing }
        if let status = look, status == entry.status, entry.writing == nil { return .intact }
        guard let found = try existing(path) else { return .missing }
        if found.isRegular, found.sha256 == entry.sha256 || found.sha256 == entry.writing {
            return .touched(found.status, sha256: found.sha256)
        }
        return .edited(found: found.sha256)
    }

    /// What stands under a path: nil if nothing does.
    ///
    /// Of anything but a regular file (a link, a folder) the digest is that of no bytes.
    static func existing(_ path: String) throws -> (status: Status, sha256: String, isRegular: Bool)? {
        guard let look = try look(path) else { return nil }
        guard let status = look else { return (Status(sizeBytes: 0, modifiedNanoseconds: 0), digest([]), false) }
        return (status, digest(try contents(path)), true)
    }

    /// The bytes of a regular file; none for anything else.
    static func contents(_ path: String) throws -> [UInt8] {
        guard let look = try look(path), look != nil else { return [] }
        return try DurableFile.read(path, limit: limit)
    }

    /// The status of a file that was just written.
    static func status(_ path: String) throws -> Status {
        guard let look = try look(path), let status = look else {
            throw FileFault("read the status of", path: path, errorNumber: ENOENT)
        }
        return status
    }

    /// The SHA-256 in hexadecimal.
    static func digest(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in SHA256.hash(data: bytes) { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil if nothing is there, `.some(nil)` if it is no regular file; never follows a link.
    private static func look(_ path: String) throws -> Status?? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw FileFault("read the status of", path: path) }
            return nil
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return .some(nil) }
        let modified = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
        return Status(sizeBytes: Int(status.st_size), modifiedNanoseconds: modified)
    }
}
