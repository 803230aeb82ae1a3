internal import Crypto

/// The 16 bytes that index a stream, or a command's idempotency key, as two words in the order they stand in memory.
package struct IndexKey: Hashable, Sendable, BitwiseCopyable {
    private let first: UInt64
    private let second: UInt64

    /// The key whose 16 bytes stand at an offset; the caller has checked that they lie within.
    package init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
        first = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        second = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
    }

    /// The first 16 bytes of SHA-256 over parts that follow each other.
    package init(hashOf parts: UnsafeRawBufferPointer...) {
        var hasher = SHA256()
        for part in parts { hasher.update(bufferPointer: part) }
        self = hasher.finalize().withUnsafeBytes { IndexKey($0) }
    }

    /// The key of a stream: the start of SHA-256 over `"daybook/stream\n"` and the name's bytes.
    package init(streamNamed name: UnsafeRawBufferPointer) {
        let prefix: StaticString = "daybook/stream\n"
        self.init(
            hashOf: UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount),
            name
        )
    }

    /// The key is a hash already: half of it is enough, and nobody chooses it.
    package func hash(into hasher: inout Hasher) { hasher.combine(first) }

    /// The two words as they stand in memory, for sums and tables.
    var words: (UInt64, UInt64) { (first, second) }

    /// The key's 16 bytes.
    package var bytes: [UInt8] { withUnsafeBytes(of: self) { Array($0) } }
}

/// A key of the `sr` index: a stream and a version in it; its bytes in memory are the stored ones.
struct StreamVersionKey: BitwiseCopyable {
    let stream: IndexKey
    private let bigEndianVersion: UInt64

    init(_ stream: IndexKey, _ version: UInt64) {
        self.stream = stream
        bigEndianVersion = version.bigEndian
    }

    var version: UInt64 { UInt64(bigEndian: bigEndianVersion) }
}
