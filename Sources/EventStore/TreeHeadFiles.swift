internal import DurableFiles
internal import Foundation
internal import Glibc

/// The tree heads that lie outside the log: one file a day in `data/tree-heads`, one note after each commit.
///
/// A log that is put back to an older state does not take these along, and so is found out at the next start. The files are
/// only ever added to; a note that a crash cut short is passed over by the reader. One thread uses an object.
final class TreeHeadFiles {
    private let folder: String
    private var day: Int64 = .min
    private var descriptor: Int32 = -1

    private static let microsecondsADay: Int64 = 86_400_000_000
    private static let suffix = ".notes"
    /// How much of a file's end is looked at first; the newest note is among its last, whichever process wrote it.
    private static let window = 16 << 10

    init(folder: String) { self.folder = folder }

    deinit { close() }

    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Adds a note to the file of its day by one write.
    ///
    /// It is not forced to disk: after a power cut the newest outside head may be a little older than the log, never newer.
    func append(_ head: SignedTreeHead, at recordedAt: Microseconds) throws(FileFault) {
        let day = recordedAt / Self.microsecondsADay
        let path = "\(folder)/\(Self.name(ofDay: day))"
        if day != self.day || descriptor < 0 {
            close()
            try DurableFile.makeDirectory(folder, mode: 0o700)
            descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw FileFault("open", path: path) }
            self.day = day
        }
        // The empty line before it sets it apart from a note that a crash cut short.
        let bytes = Array("\n\(head.note)".utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            let fault = FileFault("write", path: path)
            close()
            throw fault
        }
    }

    private static func name(ofDay day: Int64) -> String {
        var time = time_t(day * 86_400)
        var parts = tm()
        gmtime_r(&time, &parts)
        func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))\(suffix)"
    }

    /// A head as it was found, and in which file.
    struct Found {
        let head: SignedTreeHead
        let file: String
    }

    /// The largest head in the folder that is accepted; nil when there is none, or no folder.
    ///
    /// Later days are looked at first, and the ends of files before their starts.
    static func newest(in folder: String, where isAccepted: (SignedTreeHead) -> Bool) throws(FileFault) -> Found? {
        for name in names(in: folder).reversed() {
            let path = "\(folder)/\(name)"
            var size = window
            while true {
                let (text, isWhole) = try end(of: path, size: size)
                // Largest first: to check one signature takes longer than to read a hundred notes.
                let newest = notes(in: text).sorted { $0.head.size > $1.head.size }.first(where: isAccepted)
                if let newest { return Found(head: newest, file: path) }
                if isWhole { break }
                size *= 16
            }
        }
        return nil
    }

    /// The newest notes of a folder: those at the ends of its two latest files.
    static func latest(in folder: String) throws(FileFault) -> [Found] {
        var found: [Found] = []
        for name in names(in: folder).suffix(2) {
            let path = "\(folder)/\(name)"
            found += notes(in: try end(of: path, size: window).text).map { Found(head: $0, file: path) }
        }
        return found
    }

    /// Every name that stands in a folder's notes.
    static func origins(in folder: String) throws(FileFault) -> Set<String> {
        var origins: Set<String> = []
        for name in names(in: folder) {
            let text = try end(of: "\(folder)/\(name)", size: 256 << 20).text
            for line in text.split(separator: "\n") where line.hasPrefix("daybook.") { origins.insert(String(line)) }
        }
        return origins
    }

    private static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(suffix) }.sorted()
    }

    /// The name in the newest note of a log of another installation; nil where all are of this one.
    static func foreignOrigin(in folder: String, to install: UUID) throws(FileFault) -> String? {
        try newest(in: folder) { head in
            LogOrigin(text: head.head.origin).map { $0.install != install } ?? false
        }?.head.head.origin
    }

    /// The notes in a text, in order; lines that belong to no whole note are passed over.
    static func notes(in text: String) -> [SignedTreeHead] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var notes: [SignedTreeHead] = []
        var index = 0
        // The last piece has no line feed after it: nothing, or a line cut short.
        while index + 4 < lines.count - 1 {
            var end = index + 4
            while end < lines.count - 1, lines[end].hasPrefix("\u{2014} ") { end += 1 }
            if end > index + 4, lines[index + 3].isEmpty,
                let note = SignedTreeHead(note: lines[index..<end].joined(separator: "\n") + "\n")
            {
                notes.append(note)
                index = end
            } else {
                index += 1
            }
        }
        return notes
    }

    private static func end(of path: String, size: Int) throws(FileFault) -> (text: String, isWhole: Bool) {
        let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
        let length = lseek(file.raw, 0, SEEK_END)
        guard length >= 0, lseek(file.raw, max(0, length - off_t(size)), SEEK_SET) >= 0 else {
            throw FileFault("read", path: path)
        }
        var bytes: [UInt8] = []
        while bytes.count < size {
            let part = try file.read(limit: size - bytes.count)
            if part.isEmpty { break }
            bytes += part
        }
        return (String(decoding: bytes, as: UTF8.self), Int(length) <= size)
    }
}

extension LogFolders {
    /// The largest tree head of an installation in the folder of outside heads, whoever signed it; nil when there is none.
    ///
    /// For whoever is about to put a log there: a head by a key that this log does not know may be of its later part.
    package func newestTreeHead(ofInstall install: String) throws(EventStoreError) -> SignedTreeHead? {
        do throws(FileFault) {
            return try TreeHeadFiles.newest(in: treeHeads) { LogOrigin(text: $0.head.origin)?.install.text == install }?
                .head
        } catch {
            throw .file(error)
        }
    }

    /// The largest tree head in the folder of outside heads, of whatever log.
    package func newestTreeHead() throws(EventStoreError) -> SignedTreeHead? {
        do throws(FileFault) {
            return try TreeHeadFiles.newest(in: treeHeads) { _ in true }?.head
        } catch {
            throw .file(error)
        }
    }

    /// The bytes of a day's file of tree heads, with those notes of another one added at its end that it does not hold.
    ///
    /// For whoever brings files of one day together: neither hides the other.
    package static func treeHeads(_ file: [UInt8], adding other: [UInt8]) -> [UInt8] {
        let present = Set(TreeHeadFiles.notes(in: String(decoding: file, as: UTF8.self)).map(\.note))
        return TreeHeadFiles.notes(in: String(decoding: other, as: UTF8.self)).map(\.note)
            .reduce(into: file) { file, note in if !present.contains(note) { file += Array("\n\(note)".utf8) } }
    }
}
