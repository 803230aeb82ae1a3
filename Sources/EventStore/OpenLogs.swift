internal import DurableFiles
internal import Synchronization

/// Which logs this process has open.
///
/// The one piece of process-wide state of the package, because the rule it keeps is one of the process: opening an LMDB
/// environment twice, or closing any descriptor of its files, silently drops the locks that order writers between processes.
enum OpenLogs {
    private static let places = Mutex<Set<FileIdentity>>([])

    /// The right to have one log open, until it is released or forgotten.
    struct Claim: Sendable {
        fileprivate let place: FileIdentity

        /// Gives the right up, after which the log may be opened again.
        func release() { _ = OpenLogs.places.withLock { $0.remove(place) } }
    }

    /// Claims a folder by device and inode, so that another spelling of its path is the same log.
    static func claim(_ folder: String) throws(EventStoreError) -> Claim {
        let place: FileIdentity
        do {
            place = try FileIdentity.of(folder)
        } catch {
            throw .file(error)
        }
        guard places.withLock({ $0.insert(place).inserted }) else {
            throw EventStoreError(
                .alreadyOpen,
                "this process has the log in \(folder) open already",
                hint: "share the open log; LMDB allows an environment once per process"
            )
        }
        return Claim(place: place)
    }
}
