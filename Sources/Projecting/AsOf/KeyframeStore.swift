internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import EventStore
internal import Glibc

/// Copies of states at positions about 50,000 events apart, from which as-of starts instead of from position 0.
///
/// A keyframe is a hint: bound to its projection's digest and to the SHA-256 of its own bytes, it is passed over when
/// either does not fit, and the answer is the same, only later. A file is a line of canonical JSON and a SQLite database.
struct KeyframeStore: Sendable {
    let folder: String
    /// The log whose events it holds: a home that got another log must not take these.
    let install: String
    /// The distance in positions.
    let interval: Position

    /// Whether a run of events passes a multiple of the interval.
    func isDue(from: Position, to: Position) -> Bool { from / interval < to / interval }

    /// The size of a page that does not reach beyond the next multiple of the interval, but for its last command.
    func limit(from position: Position, _ pageSize: Int) -> Int {
        Int(min(Position(pageSize), interval - position % interval))
    }

    /// Writes a keyframe atomically and removes those of other definitions of the projection.
    ///
    /// One that stands there with the same bytes is left alone: a rebuild of a healthy home writes none.
    func save(_ projection: Projection, at position: Position, _ database: [UInt8]) throws {
        try DurableFile.makeDirectory(folder)
        let header: JSONValue = [
            "checkpoint": .integer(Int(position)), "digest": .string(projection.digest), "install": .string(install),
            "name": .string(projection.name), "sha256": .string(SHA256.hash(data: database).hexadecimal),
        ]
        let bytes = try header.canonicalBytes() + [UInt8(ascii: "\n")] + database
        let path = path(projection, position)
        if let present = try? DurableFile.read(path, limit: bytes.count), present == bytes { return }
        try DurableFile.write(bytes, to: path)
        for (name, digest, _) in list(projection) where digest != Self.short(projection) { unlink("\(folder)/\(name)") }
    }

    /// The newest sound keyframe of a projection that is not after `limit`.
    func nearest(_ projection: Projection, notAfter limit: Position) -> (position: Position, database: [UInt8])? {
        let candidates = list(projection)
            .filter { $0.digest == Self.short(projection) && $0.position <= limit }
            .sorted { $0.position > $1.position }
        for candidate in candidates {
            if let database = read(candidate.name, projection, candidate.position) {
                return (candidate.position, database)
            }
        }
        return nil
    }

    private func read(_ name: String, _ projection: Projection, _ position: Position) -> [UInt8]? {
        guard let bytes = try? DurableFile.read("\(folder)/\(name)", limit: 1 << 30),
            let end = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let header = try? JSONReader.canonical(bytes[..<end]),
            header["checkpoint"]?.number == Int(position), header["digest"]?.text == projection.digest,
            header["install"]?.text == install, header["name"]?.text == projection.name
        else { return nil }
        let database = Array(bytes[(end + 1)...])
        return header["sha256"]?.text == SHA256.hash(data: database).hexadecimal ? database : nil
    }

    private static func short(_ projection: Projection) -> String { String(projection.digest.prefix(16)) }

    private func path(_ projection: Projection, _ position: Position) -> String {
        "\(folder)/\(projection.name).\(Self.short(projection)).\(position).keyframe"
    }

    private func list(_ projection: Projection) -> [(name: String, digest: String, position: Position)] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var found: [(String, String, Position)] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            let parts = name.split(separator: ".")
            guard parts.count == 4, parts[0] == projection.name, parts[3] == "keyframe",
                let position = Position(parts[2])
            else { continue }
            found.append((name, String(parts[1]), position))
        }
        return found
    }
}
