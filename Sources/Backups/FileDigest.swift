internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Glibc

/// The SHA-256 of a file, read in parts.
package enum FileDigest {
    /// The digest in hexadecimal, and the size; throws ``DurableFiles/FileFault``.
    package static func of(_ path: String) throws -> (sha256: String, size: Int64) {
        let file = try FileDescriptor.open(path, O_RDONLY)
        var hasher = SHA256()
        var size: Int64 = 0
        while case let part = try file.read(limit: 1 << 20), !part.isEmpty {
            hasher.update(data: part)
            size += Int64(part.count)
        }
        return (hasher.finalize().hexadecimal, size)
    }
}
