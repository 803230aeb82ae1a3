/// One member of a tar archive: a plain file, as its header states it.
package struct TarMember: Hashable, Sendable {
    /// The path inside the archive: relative, with `/` between its parts.
    package var path: String
    /// The number of bytes that follow the header.
    package var size: Int64
    /// The permission bits.
    package var mode: UInt32
    /// Seconds since 1970.
    package var modifiedAt: Int64

    /// A member with its path and size; mode and time are fixed unless told, so that equal contents give equal archives.
    package init(path: String, size: Int64, mode: UInt32 = 0o644, modifiedAt: Int64 = 0) {
        self.path = path
        self.size = size
        self.mode = mode
        self.modifiedAt = modifiedAt
    }

    /// Whether the path stays in the folder it is unpacked into, on every system.
    ///
    /// Refused are absolute paths, empty parts, `.` and `..`, backslashes, control characters, and paths above 255 bytes.
    package static func isSafe(_ path: String) -> Bool {
        let bytes = path.utf8
        guard !bytes.isEmpty, bytes.count <= 255, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != 0x5c }) else {
            return false
        }
        return bytes.split(separator: 0x2f, omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
        }
    }
}

/// Why an archive was refused or could not be written: what, and at which member.
package struct TarFault: Error, Equatable, CustomStringConvertible {
    /// The sentence, without a final stop.
    package let description: String

    init(_ description: String) { self.description = description }
}

/// The blocks of a ustar header: the one place that knows the offsets.
enum TarHeader {
    static let blockSize = 512
    /// The greatest size that eleven octal digits hold; greater ones stand in base 256.
    private static let octalLimit: Int64 = 0o77_777_777_777

    static func block(for member: TarMember) throws(TarFault) -> [UInt8] {
        guard TarMember.isSafe(member.path) else { throw TarFault("\(member.path) is no path for an archive") }
        guard member.size >= 0 else { throw TarFault("\(member.path) has a negative size") }
        let (prefix, name) = try split(member.path)
        var block = [UInt8](repeating: 0, count: blockSize)
        put(name, in: &block, at: 0)
        put(octal(UInt64(member.mode & 0o7777), digits: 7), in: &block, at: 100)
        put(octal(0, digits: 7), in: &block, at: 108)
        put(octal(0, digits: 7), in: &block, at: 116)
        put(number(member.size), in: &block, at: 124)
        put(number(max(0, member.modifiedAt)), in: &block, at: 136)
        block[156] = 0x30
        put(Array("ustar\u{0}00".utf8), in: &block, at: 257)
        put(prefix, in: &block, at: 345)
        let sum = checksum(block)
        put(octal(sum, digits: 6) + [0, 0x20], in: &block, at: 148)
        return block
    }

    /// The member that a block states; nil for a block of zeros, the end of the archive.
    static func member(of block: [UInt8]) throws(TarFault) -> TarMember? {
        guard block.contains(where: { $0 != 0 }) else { return nil }
        guard block[257..<263].elementsEqual("ustar\u{0}".utf8), block[263..<265].elementsEqual("00".utf8) else {
            throw TarFault("a header is not one of a ustar archive")
        }
        guard let stated = unsigned(block[148..<156]), stated == checksum(block) else {
            throw TarFault("a header's checksum is wrong")
        }
        let name = String(decoding: block[0..<100].prefix { $0 != 0 }, as: UTF8.self)
        let prefix = String(decoding: block[345..<500].prefix { $0 != 0 }, as: UTF8.self)
        let path = prefix.isEmpty ? name : "\(prefix)/\(name)"
        // A link, a device or a folder could lead outside or stand in the way of a later member.
        guard block[156] == 0x30 || block[156] == 0 else { throw TarFault("\(path) is not a plain file") }
        guard TarMember.isSafe(path) else { throw TarFault("\(path) is a path that leaves the folder, or is unsafe") }
        guard let size = unsigned(block[124..<136]), size <= UInt64(Int64.max) - 1024,
            let time = unsigned(block[136..<148]), let mode = unsigned(block[100..<108])
        else { throw TarFault("the header of \(path) holds a number that cannot be read") }
        let member = TarMember(
            path: path,
            size: Int64(size),
            mode: UInt32(truncatingIfNeeded: mode) & 0o7777,
            modifiedAt: Int64(clamping: time)
        )
        // The sum over a header is no digest: only the bytes that this writer would have written are believed.
        guard try self.block(for: member) == block else { throw TarFault("the header of \(path) was altered") }
        return member
    }

    /// Name in the first field where it fits, else the part before a slash in the prefix field.
    private static func split(_ path: String) throws(TarFault) -> (prefix: [UInt8], name: [UInt8]) {
        let bytes = Array(path.utf8)
        if bytes.count <= 100 { return ([], bytes) }
        for index in bytes.indices.reversed() where bytes[index] == 0x2f && index <= 155 {
            let name = Array(bytes[(index + 1)...])
            guard name.count <= 100 else { break }
            return (Array(bytes[..<index]), name)
        }
        throw TarFault("\(path) is too long for a tar archive")
    }

    private static func number(_ value: Int64) -> [UInt8] {
        if value <= octalLimit { return octal(UInt64(value), digits: 11) }
        // GNU's and star's form: the first bit set, the rest a big-endian number.
        var bytes = [UInt8](repeating: 0, count: 12)
        for index in 0..<8 { bytes[11 - index] = UInt8(truncatingIfNeeded: value >> (8 * Int64(index))) }
        bytes[0] = 0x80
        return bytes
    }

    private static func octal(_ value: UInt64, digits: Int) -> [UInt8] {
        let text = String(value, radix: 8)
        return Array((String(repeating: "0", count: max(0, digits - text.utf8.count)) + text).utf8)
    }

    private static func unsigned(_ field: ArraySlice<UInt8>) -> UInt64? {
        if let first = field.first, first & 0x80 != 0 {
            guard first == 0x80, field.dropFirst().dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
            return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        let digits = field.prefix { $0 != 0 && $0 != 0x20 }
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
        return UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
    }

    private static func checksum(_ block: [UInt8]) -> UInt64 {
        var sum = UInt64(8 * 0x20)
        for (index, byte) in block.enumerated() where !(148..<156).contains(index) { sum += UInt64(byte) }
        return sum
    }

    private static func put(_ bytes: [UInt8], in block: inout [UInt8], at offset: Int) {
        block.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
}

/// Writes a tar archive member by member to an open file: ustar, plain files only.
///
/// Sizes above 8 GiB stand in base 256, which GNU tar, bsdtar and Python read. The same members give the same bytes: owner is
/// 0, and mode and time are the caller's.
package struct TarWriter: ~Copyable {
    private let file: FileDescriptor
    private var paths: Set<String> = []
    private var isFinished = false

    /// A writer that owns the file and appends to it.
    package init(_ file: consuming FileDescriptor) { self.file = file }

    /// Adds a member whose bytes are at hand.
    ///
    /// Throws ``TarFault`` for an unsafe, overlong or repeated path, ``FileFault`` when the disk refuses.
    package mutating func add(_ path: String, _ bytes: some Collection<UInt8>, mode: UInt32 = 0o644) throws {
        var isGiven = false
        try add(TarMember(path: path, size: Int64(bytes.count), mode: mode)) {
            defer { isGiven = true }
            return isGiven ? [] : Array(bytes)
        }
    }

    /// Adds a member whose bytes come in parts; an empty part is the end.
    ///
    /// Throws ``TarFault`` when there are fewer or more bytes than the member's size: the archive is then of no use.
    package mutating func add(_ member: TarMember, next: () throws -> [UInt8]) throws {
        precondition(!isFinished, "an archive is finished once")
        guard paths.insert(member.path).inserted else { throw TarFault("\(member.path) stands twice in the archive") }
        try file.write(try TarHeader.block(for: member))
        var rest = member.size
        while case let part = try next(), !part.isEmpty {
            rest -= Int64(part.count)
            guard rest >= 0 else { throw TarFault("\(member.path) grew while it was read") }
            try file.write(part)
        }
        guard rest == 0 else { throw TarFault("\(member.path) shrank while it was read") }
        let beyond = Int(member.size % Int64(TarHeader.blockSize))
        if beyond > 0 { try file.write([UInt8](repeating: 0, count: TarHeader.blockSize - beyond)) }
    }

    /// Writes the end of the archive and puts everything on disk.
    package mutating func finish() throws {
        precondition(!isFinished, "an archive is finished once")
        isFinished = true
        try file.write([UInt8](repeating: 0, count: 2 * TarHeader.blockSize))
        try file.synchronise()
    }
}

/// Reads a tar archive from its start, member by member, without ever writing a file.
///
/// Only archives of ``TarWriter`` pass: links, folders, devices, absolute paths, `..` and duplicates are refused with
/// ``TarFault``, as is one that ends early, or whose headers, padding or end hold anything that the writer does not write.
package struct TarReader: ~Copyable {
    private let file: FileDescriptor
    private var paths: Set<String> = []
    /// What is left of the present member, and the padding after it.
    private var rest: Int64 = 0
    private var padding = 0
    private var isAtEnd = false

    /// A reader that owns the file and begins where it stands.
    package init(_ file: consuming FileDescriptor) { self.file = file }

    /// The next member; nil at the end of the archive.
    ///
    /// What was not read of the one before is passed over.
    package mutating func next() throws -> TarMember? {
        guard !isAtEnd else { return nil }
        while rest > 0 { _ = try read(limit: 1 << 20) }
        guard try exactly(padding).allSatisfy({ $0 == 0 }) else {
            throw TarFault("something stands between two members")
        }
        padding = 0
        guard let member = try TarHeader.member(of: try exactly(TarHeader.blockSize)) else {
            isAtEnd = true
            try checkEnd()
            return nil
        }
        guard paths.insert(member.path).inserted else { throw TarFault("\(member.path) stands twice in the archive") }
        rest = member.size
        let beyond = Int(member.size % Int64(TarHeader.blockSize))
        padding = beyond == 0 ? 0 : TarHeader.blockSize - beyond
        return member
    }

    /// At most `limit` bytes of the present member; empty at its end.
    package mutating func read(limit: Int) throws -> [UInt8] {
        guard rest > 0 else { return [] }
        let part = try file.read(limit: Int(min(Int64(limit), rest)))
        guard !part.isEmpty else { throw TarFault("the archive ends within a member") }
        rest -= Int64(part.count)
        return part
    }

    /// The whole of the present member; refused above `limit` bytes before anything is read.
    package mutating func contents(limit: Int) throws -> [UInt8] {
        guard rest <= Int64(limit) else { throw TarFault("a member has more than \(limit) bytes") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(rest))
        while rest > 0 { bytes += try read(limit: 1 << 20) }
        return bytes
    }

    private func exactly(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = try file.read(limit: count - bytes.count)
            guard !part.isEmpty else { throw TarFault("the archive ends too early") }
            bytes += part
        }
        return bytes
    }

    /// One more block of zeros must follow, then zeros to the end of the file, as tar pads its records.
    private func checkEnd() throws {
        guard try exactly(TarHeader.blockSize).allSatisfy({ $0 == 0 }) else {
            throw TarFault("the archive's end is not whole")
        }
        while case let part = try file.read(limit: 1 << 16), !part.isEmpty {
            guard part.allSatisfy({ $0 == 0 }) else { throw TarFault("something follows the archive's end") }
        }
    }
}
