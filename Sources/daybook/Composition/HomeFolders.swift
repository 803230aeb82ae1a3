import Backups
import EventStore
import Foundation
import RoutingDomain

/// Where everything lies in a home.
struct HomeFolders: Sendable {
    /// The home itself, an absolute path without a final slash.
    let root: String

    /// The folders of a home; a relative path counts from the current folder.
    init(root: String) {
        self.root = URL(filePath: root.isEmpty ? "." : root).standardizedFileURL.path(percentEncoded: false)
            .trimmingFinalSlash()
    }

    var data: String { "\(root)/data" }
    /// The log itself.
    var log: String { "\(data)/log" }
    /// The log with its keys and the tree heads outside it.
    var logFolders: LogFolders { LogFolders(data: data) }
    /// The log's signing key, its owner's alone.
    var keys: String { "\(data)/keys" }
    /// Documents and evidence by SHA-256.
    var blobs: String { "\(data)/blobs" }
    /// What the plant's machines have confirmed to have received.
    var receipts: String { "\(data)/receipts" }
    /// The names behind the pseudonyms.
    var people: String { "\(data)/state.db" }
    /// The read models.
    var registry: String { "\(data)/registry.db" }
    /// The key and memory of a witness that works here; a folder that is no home can hold it too.
    var witness: String { "\(data)/witness" }
    var models: String { "\(root)/models" }
    var config: String { "\(root)/config" }
    /// Where a running server listens for programs of this machine.
    var socket: String { "\(data)/daybook.sock" }
    /// Held by the server of the home for as long as it runs.
    var serverLock: String { "\(data)/server.lock" }

    /// The folders that `init` makes.
    var all: [String] { [data, keys, blobs, models, config, "\(root)/logs", "\(root)/docs"] }
}

extension HomeFolders {
    /// The number of events that a backup brought here, until the log itself says so; nil in any other home.
    ///
    /// A log that was moved by `daybook import` is not meant: its old home has ended, and it goes on.
    var restoredSize: Position? {
        guard let mark = RestoreMark(data: data), mark.source == RestoreSource.backup.rawValue else { return nil }
        return Position(clamping: mark.logSize)
    }
}

extension String {
    fileprivate func trimmingFinalSlash() -> String {
        var text = self[...]
        while text.count > 1, text.last == "/" { text.removeLast() }
        return String(text)
    }
}
