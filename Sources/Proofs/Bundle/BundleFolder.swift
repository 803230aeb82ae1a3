internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation
internal import Glibc

/// The files of an audit bundle, gathered in any order and then written as one tar.
///
/// The same files give the same bytes: sorted by name, owner 0, mode 0644, time 0. Nothing appears under the tar's name
/// before it is whole and on disk.
package final class BundleFolder {
    /// The folder inside the tar.
    package static let name = "daybook-export"
    /// Where the data stand in a page: between this line and the next closing tag.
    package static let pageMark = "<script type=\"text/plain\" id=\"bundle\">\n"

    private let path: String
    private let small: BundleSpool
    private var members: [String: BundleMember] = [:]

    /// A bundle that will be written at a path; throws `FileFault` where nothing can be written there.
    package init(for path: String) throws {
        self.path = path
        small = try BundleSpool(beside: path)
    }

    /// Adds a file whose bytes are at hand.
    package func add(_ name: String, _ bytes: [UInt8]) throws {
        let stream = BundleStream(small)
        try stream.write(bytes)
        take(stream, as: name)
    }

    /// Begins a file that is written piece by piece, beside others.
    package func begin() throws -> BundleStream { BundleStream(try BundleSpool(beside: path)) }

    /// Takes a file that is complete.
    package func close(_ stream: BundleStream, as name: String) throws {
        try stream.flush()
        take(stream, as: name)
    }

    private func take(_ stream: BundleStream, as name: String) {
        guard members.updateValue(stream.member(), forKey: name) == nil else {
            preconditionFailure("\(name) stands once in a bundle")
        }
    }

    /// Whether a file of that name has been added.
    package func holds(_ name: String) -> Bool { members[name] != nil }

    /// Adds a page with the bundle's own data in it: one line for each file that its proof needs, name and base64.
    ///
    /// The template has ``pageMark`` once. To be called when all those files have been added.
    package func addPage(_ name: String, template: [UInt8]) throws {
        guard let mark = template.firstRange(of: Self.pageMark.utf8) else {
            preconditionFailure("the page has a place for its data")
        }
        try small.flush()
        let stream = try begin()
        try stream.write(Array(template[..<mark.upperBound]))
        for (name, member) in sorted where Self.isEvidence(name) {
            try stream.write(Array("\(name) ".utf8))
            try member.eachPart { try stream.write(Array(Data($0).base64EncodedData())) }
            try stream.write([0x0a])
        }
        try stream.write(Array(template[mark.upperBound...]))
        try close(stream, as: name)
    }

    private static func isEvidence(_ name: String) -> Bool {
        ["bundle.json", "names.json", "words.json"].contains(name)
            || ["checkpoint", "events/", "keys/", "tile/"].contains { name.hasPrefix($0) }
    }

    private var sorted: [(name: String, member: BundleMember)] {
        members.map { ($0.key, $0.value) }.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
    }

    /// Writes the tar with its manifest, and `<name>.sha256` beside it; returns digest and size of the tar.
    ///
    /// Throws `FileFault` with `EEXIST` when the name is taken; then, and when the disk is full, nothing is left behind.
    package func finish() throws -> (sha256: String, sizeBytes: Int) {
        let manifest = sorted.map { "\($0.member.sha256.hexadecimal)  \($0.name)\n" }.joined()
        try add("MANIFEST.sha256", Array(manifest.utf8))
        try small.flush()
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let temporary = "\(DurableFile.parent(of: path))/.\(name).tmp-\(getpid())"
        defer { unlink(temporary) }
        let file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
        var writer = TarWriter(file)
        for (name, member) in sorted { try write(member, as: name, to: &writer) }
        try writer.finish()
        let (sha256, size) = try Self.digest(of: temporary)
        try DurableFile.create(Array("\(sha256)  \(name)\n".utf8), at: "\(path).sha256")
        do {
            try DurableFile.moveToNewName(temporary, to: path)
        } catch {
            unlink("\(path).sha256")
            throw error
        }
        return (sha256, size)
    }

    private func write(_ member: BundleMember, as name: String, to writer: inout TarWriter) throws {
        var done = 0
        try writer.add(TarMember(path: "\(Self.name)/\(name)", size: Int64(member.size))) {
            let part = try member.spool.read(at: member.offset + done, count: min(1 << 20, member.size - done))
            done += part.count
            return part
        }
    }

    private static func digest(of path: String) throws -> (sha256: String, sizeBytes: Int) {
        let file = try FileDescriptor.open(path, O_RDONLY)
        var (digest, size) = (SHA256(), 0)
        while case let part = try file.read(limit: 1 << 20), !part.isEmpty {
            digest.update(data: part)
            size += part.count
        }
        return (digest.finalize().hexadecimal, size)
    }
}
