internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Glibc
internal import RoutingDomain
internal import Synchronization

/// One file on its way in: open from the bytes that are due to the end of one request.
package final class StagedPart: Sendable {
    private struct Progress {
        var hasher = SHA256()
        var count = 0
    }

    private let name: String
    private let folder: String
    private let offset: Int
    private let file: FileDescriptor
    private let claim: StagingClaim
    private let progress = Mutex(Progress())

    private static let suffix = ".part"

    init(_ name: String, in folder: String, at offset: Int, claim: StagingClaim) throws {
        let directory = try FileDescriptor.open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        file = try FileDescriptor.open(".\(name)\(Self.suffix)", beneath: directory, O_RDWR | O_CREAT | O_APPEND)
        (self.name, self.folder, self.offset, self.claim) = (name, folder, offset, claim)
        let received = Int(try file.status().st_size)
        guard offset == 0 || offset == received else {
            throw Rejection(
                "upload.offset",
                .conflict,
                "\(received) bytes of \(name) are there, so the next part begins at \(received), not at \(offset)",
                hint: "send from that byte on, or everything from 0",
                field: "content-range",
                limit: "\(received)",
                actual: "\(offset)"
            )
        }
        if offset == 0, received > 0 { try cut(to: 0) }
    }

    /// The name of the file that a part's name stands for; nil for the name of anything else.
    static func name(ofPart name: String) -> String? {
        name.hasPrefix(".") && name.hasSuffix(suffix) ? String(name.dropFirst().dropLast(suffix.count)) : nil
    }

    /// The bytes that came with this request so far.
    package var count: Int { progress.withLock { $0.count } }

    /// SHA-256 of the bytes that came with this request, in hexadecimal.
    package var digest: String { progress.withLock { $0.hasher.finalize().hexadecimal } }

    /// Adds bytes at the end; they are on disk after ``keep()`` or ``complete(sha256:)``.
    package func append(_ bytes: [UInt8]) throws {
        try file.write(bytes)
        progress.withLock { progress in
            progress.hasher.update(data: bytes)
            progress.count += bytes.count
        }
    }

    /// Puts what came on disk: the next request goes on behind it.
    package func keep() throws { try file.synchronise() }

    /// Takes this request's bytes back, as if it had not come.
    package func takeBack() throws { try cut(to: offset) }

    /// Makes the file whole under its name, on disk; returns its SHA-256 in hexadecimal.
    ///
    /// Where it is not the one expected, every byte of it is taken back and ``RoutingDomain/Rejection`` thrown: nobody can say which
    /// part was wrong.
    package func complete(sha256 expected: String?) throws -> String {
        try file.synchronise()
        let digest = offset == 0 ? digest : try wholeDigest()
        if let expected, digest != expected {
            try cut(to: 0)
            throw Rejection(
                "upload.digest",
                .invalid,
                "\(name) has another SHA-256 than its Repr-Digest says",
                hint: "send the whole file again",
                field: "repr-digest",
                limit: expected,
                actual: digest
            )
        }
        let part = "\(folder)/.\(name)\(Self.suffix)"
        guard rename(part, "\(folder)/\(name)") == 0 else { throw FileFault("rename \(part) to", path: name) }
        try DurableFile.synchroniseDirectory(folder)
        return digest
    }

    private func cut(to length: Int) throws(FileFault) {
        guard ftruncate(file.raw, off_t(length)) == 0 else { throw FileFault("cut", path: "\(folder)/\(name)") }
        try file.synchronise()
    }

    private func wholeDigest() throws(FileFault) -> String {
        guard lseek(file.raw, 0, SEEK_SET) == 0 else { throw FileFault("read", path: "\(folder)/\(name)") }
        var hasher = SHA256()
        while true {
            let bytes = try file.read(limit: 1 << 20)
            guard !bytes.isEmpty else { return hasher.finalize().hexadecimal }
            hasher.update(data: bytes)
        }
    }
}
