import CZLIB
import DurableFiles

/// A joblib file as values.
struct JoblibFile {
    let value: PickleValue
    let arena: PickleArena

    /// Files above this are refused unread: an encoder has kilobytes, a million part numbers have 30 MB.
    static let greatestFile = 256 << 20
    /// What a compressed file of so many bytes may become: part numbers in a row shrink to a twentieth, and zlib can pack a thousandfold.
    static func greatestContent(of packed: Int) -> Int { min(1 << 30, 16 << 20 + 256 * packed) }

    /// Reads a file that joblib wrote, uncompressed or with zlib or gzip; throws ``LegacyFault``.
    static func read(_ path: String) throws(LegacyFault) -> JoblibFile {
        let bytes: [UInt8]
        do {
            bytes = try DurableFile.read(path, limit: greatestFile)
        } catch {
            throw LegacyFault(error)
        }
        return try parse(bytes)
    }

    static func parse(_ bytes: [UInt8]) throws(LegacyFault) -> JoblibFile {
        var machine = PickleMachine(try content(bytes), packed: bytes.count)
        let value = try machine.document()
        return JoblibFile(value: value, arena: machine.arena)
    }

    private static func content(_ bytes: [UInt8]) throws(LegacyFault) -> [UInt8] {
        if bytes.first == 0x78 || bytes.starts(with: [0x1f, 0x8b]) { return try inflated(bytes) }
        let others: [(String, [UInt8])] = [
            ("bz2", Array("BZ".utf8)), ("xz", [0xfd, 0x37, 0x7a]), ("lzma", [0x5d, 0x00]), ("lz4", [0x04, 0x22, 0x4d]),
            ("joblib before 0.10", Array("ZF".utf8)),
        ]
        for (name, start) in others where bytes.starts(with: start) {
            throw .unsupported("a joblib file compressed with \(name)")
        }
        return bytes
    }

    private static func inflated(_ bytes: [UInt8]) throws(LegacyFault) -> [UInt8] {
        let greatest = greatestContent(of: bytes.count)
        var stream = z_stream()
        // 32: zlib's or gzip's header, whichever is there.
        guard inflateInit2_(&stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .unsupported("a compressed file, as zlib cannot start and so it")
        }
        defer { inflateEnd(&stream) }
        var input = bytes
        var result: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 18)
        let code = input.withUnsafeMutableBufferPointer { from -> Int32 in
            stream.next_in = from.baseAddress
            stream.avail_in = UInt32(from.count)
            while true {
                let (code, got) = part.withUnsafeMutableBufferPointer { to -> (Int32, Int) in
                    stream.next_out = to.baseAddress
                    stream.avail_out = UInt32(to.count)
                    let code = inflate(&stream, Z_NO_FLUSH)
                    return (code, to.count - Int(stream.avail_out))
                }
                result += part[..<got]
                guard code == Z_OK, result.count <= greatest else { return code }
            }
        }
        guard result.count <= greatest else {
            throw .damaged("more than \(greatest) bytes in a compressed file", at: 0)
        }
        guard code == Z_STREAM_END, stream.avail_in == 0 else {
            throw .damaged("compressed bytes that are cut or changed", at: bytes.count - Int(stream.avail_in))
        }
        return result
    }
}
