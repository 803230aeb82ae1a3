package import DurableFiles
package import EventStore
package import Observing

/// The file that an agent of a SIEM follows: every event of the log as a line, in order, once.
///
/// Its own last line is its checkpoint: what a crash tore off is cut and written again from the log, so nothing is lost and no line
/// stands there twice. When all files are gone it begins anew. Blocks; one thread at a time.
package struct SIEMFile: ~Copyable {
    private static let name = "siem"
    private static let ending = "log"

    private let folder: String
    private let host: String
    private var file: RotatingFile
    /// The position of the event that is due next.
    package private(set) var next: Position

    /// The file of a folder; reads how far it has come.
    ///
    /// Throws ``DurableFiles/FileFault`` where a file is there and cannot be read.
    package init(folder: String, host: String, rule: RotationRule) throws(FileFault) {
        self.folder = folder
        self.host = host
        file = RotatingFile(folder: folder, name: Self.name, ending: Self.ending, rule: rule)
        next = try Self.checkpoint(in: folder)
    }

    /// Writes the events of a page, those that stand in the file left out, and has the disk take them; `day` is today in UTC.
    ///
    /// Throws ``DurableFiles/FileFault`` with `next` at the first event that is not in the file.
    package mutating func write(_ page: EventPage, day: String) throws {
        let due = page.events.filter { $0.position >= next }
        guard !due.isEmpty else { return }
        let lines = try due.map { try SyslogLine.bytes(of: $0, host: host) }
        var (written, fault) = file.append(lines.flatMap(\.self), day: day)
        for (event, line) in zip(due, lines) where written >= line.count {
            written -= line.count
            next = event.position + 1
        }
        if let fault { throw fault }
        try file.synchronise()
    }

    /// The position after the greatest that a last whole line tells.
    ///
    /// Names tell the order of files only as long as the clock was never set back over a midnight; positions always do.
    private static func checkpoint(in folder: String) throws(FileFault) -> Position {
        var next: Position = 0
        for path in ["\(folder)/\(name).\(ending)"] + RotatingFile.older(in: folder, name: name, ending: ending) {
            guard let line = try RotatingFile.lastLine(of: path) else { continue }
            if let position = SyslogLine.position(of: line) { next = max(next, position + 1) }
        }
        return next
    }
}
