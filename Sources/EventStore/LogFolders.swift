/// Where a log and what belongs to it lie.
public struct LogFolders: Hashable, Sendable {
    /// The LMDB environment.
    public var log: String
    /// The signing key, its owner's alone.
    public var keys: String
    /// The signed tree heads outside the log: better on another disk.
    public var treeHeads: String

    /// Folders named one by one.
    public init(log: String, keys: String, treeHeads: String) {
        self.log = log
        self.keys = keys
        self.treeHeads = treeHeads
    }

    /// The folders of a home's `data`: `log`, `keys` and `tree-heads` in it.
    public init(data: String) {
        self.init(log: "\(data)/log", keys: "\(data)/keys", treeHeads: "\(data)/tree-heads")
    }

    /// The file whose lock every process shares that has the log open, and that redaction and restoration hold alone.
    package var lock: String { "\(log).lock" }
}
