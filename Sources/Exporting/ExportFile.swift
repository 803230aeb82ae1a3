internal import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Glibc
package import RoutingDomain

/// What an export produced: the fields of `document.exported`.
package struct ExportResult: Sendable, Equatable {
    /// The file name without its folder.
    package let file: String
    /// logbook or events.
    package let kind: String
    package let format: ExportFormat
    package let sha256: String
    package let sizeBytes: Int
    package let source: ExportOrigin
    package let entries: Int
    /// The pseudonyms of the people whose names it holds.
    package let named: Set<String>

    /// The event that records the export.
    package var event: DocumentExported {
        DocumentExported(
            file: file,
            kind: kind,
            format: format.rawValue,
            sha256: sha256,
            sizeBytes: sizeBytes,
            fromPosition: source.fromPosition,
            toPosition: source.toPosition,
            filter: source.filter,
            entries: entries
        ).naming(named)
    }
}

/// A file that is written piece by piece, digested on the way, and appears under its name only when it is whole and on disk.
final class ExportFile {
    let path: String
    private let temporary: String
    private let file: FileDescriptor
    private var buffer: [UInt8] = []
    private var digest = SHA256()
    private(set) var sizeBytes = 0
    private var isKept = false

    private static let bufferBytes = 1 << 18

    /// Begins a file; throws ``ExportFault/Code/exists`` if the name is taken, also by the digest that will stand beside it.
    init(path: String) throws {
        for taken in [path, "\(path).sha256"] where access(taken, F_OK) == 0 {
            throw ExportFault(.exists, "\(taken) exists already", hint: "choose another name, or move the file away")
        }
        self.path = path
        let name = path.split(separator: "/").last.map(String.init) ?? path
        temporary = "\(DurableFile.parent(of: path))/.\(name).tmp-\(getpid())"
        file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
        buffer.reserveCapacity(Self.bufferBytes + (1 << 16))
    }

    deinit { if !isKept { unlink(temporary) } }

    /// Adds bytes.
    func write(_ bytes: some Sequence<UInt8>) throws {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Adds text.
    func write(_ text: String) throws { try write(text.utf8) }

    private func flush() throws {
        try file.write(buffer)
        digest.update(data: buffer)
        sizeBytes += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    /// Puts the file and `<name>.sha256` beside it on disk; returns the digest in hexadecimal.
    ///
    /// The sidecar comes first: a file under its name always has it.
    func finish() throws -> String {
        try flush()
        try file.synchronise()
        let sha256 = digest.finalize().hexadecimal
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try DurableFile.create(Array("\(sha256)  \(name)\n".utf8), at: "\(path).sha256")
        do {
            try DurableFile.moveToNewName(temporary, to: path)
        } catch {
            unlink("\(path).sha256")
            throw error
        }
        isKept = true
        return sha256
    }

    /// The result of a finished export.
    func result(
        sha256: String,
        kind: String,
        _ format: ExportFormat,
        _ source: ExportOrigin,
        _ entries: Int,
        named: Set<String> = []
    ) -> ExportResult {
        ExportResult(
            file: path.split(separator: "/").last.map(String.init) ?? path,
            kind: kind,
            format: format,
            sha256: sha256,
            sizeBytes: sizeBytes,
            source: source,
            entries: entries,
            named: named
        )
    }
}
