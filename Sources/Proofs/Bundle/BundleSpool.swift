internal import Crypto
internal import DurableFiles
internal import Foundation
internal import Glibc

/// Bytes on their way into a bundle: a file without a name beside the bundle, so that a crash leaves nothing behind and a
/// big log needs no big memory.
final class BundleSpool {
    private let path: String
    private let file: FileDescriptor
    private var buffer: [UInt8] = []
    /// The number of bytes written so far.
    private(set) var size = 0

    private static let bufferBytes = 1 << 18

    /// A new file in the folder of `path`; throws `FileFault` where nothing can be written there.
    init(beside path: String) throws(FileFault) {
        self.path = "\(path).part-\(UUID().uuidString)"
        file = try FileDescriptor.open(self.path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        unlink(self.path)
        buffer.reserveCapacity(Self.bufferBytes + (1 << 16))
    }

    /// Adds bytes.
    func write(_ bytes: some Collection<UInt8>) throws(FileFault) {
        buffer.append(contentsOf: bytes)
        size += bytes.count
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Puts what waits in memory into the file: to be called before reading.
    func flush() throws(FileFault) {
        try file.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Bytes from an offset on; throws when there are fewer.
    func read(at offset: Int, count: Int) throws(FileFault) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            done = 0
            while done < count {
                guard let base = buffer.baseAddress else { return }
                let got = pread(file.raw, base + done, count - done, off_t(offset + done))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    failure = got < 0 ? errno : EIO
                    return
                }
                done += got
            }
        }
        guard failure == 0 else { throw FileFault("read", path: path, errorNumber: failure) }
        return bytes
    }
}

/// A file of a bundle that is written piece by piece.
package final class BundleStream {
    private let spool: BundleSpool
    private let start: Int
    private var digest = SHA256()

    init(_ spool: BundleSpool) {
        self.spool = spool
        start = spool.size
    }

    /// Adds bytes; throws `FileFault` when the disk refuses.
    package func write(_ bytes: [UInt8]) throws {
        digest.update(data: bytes)
        try spool.write(bytes)
    }

    func flush() throws { try spool.flush() }

    func member() -> BundleMember {
        BundleMember(spool: spool, offset: start, size: spool.size - start, sha256: Array(digest.finalize()))
    }
}

/// A whole file of a bundle, where it lies until the tar is written.
struct BundleMember {
    let spool: BundleSpool
    let offset: Int
    let size: Int
    let sha256: [UInt8]

    /// The bytes in parts; each part but the last has a length that three divides, as base64 wants it.
    func eachPart(_ body: ([UInt8]) throws -> Void) throws {
        let part = 3 << 18
        for start in stride(from: 0, to: size, by: part) {
            try body(try spool.read(at: offset + start, count: min(part, size - start)))
        }
    }
}
