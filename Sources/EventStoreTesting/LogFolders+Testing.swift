public import EventStore
internal import DurableFiles

extension LogFolders {
    /// The folders of the log at a path, with `keys` and `tree-heads` beside it.
    public static func beside(_ log: String) -> LogFolders {
        let data = DurableFile.parent(of: log)
        return LogFolders(log: log, keys: "\(data)/keys", treeHeads: "\(data)/tree-heads")
    }
}
