internal import Glibc
internal import Synchronization

/// Which logs this process has open.
///
/// The one piece of process-wide state of the package, because the rule it keeps is one of the process: opening an LMDB
/// environment twice, or closing any descriptor of its files, silently drops the locks that order writers between processes.
enum OpenLogs {
    fileprivate struct Place: Hashable {
        let device: UInt
        let inode: UInt
    }

    private static let places = Mutex<Set<Place>>([])

    /// The right to have one log open, until it is released or forgotten.
    struct Claim: Sendable {
        fileprivate let place: Place

        /// Gives the right up, after which the log may be opened again.
        func release() { _ = OpenLogs.places.withLock { $0.remove(place) } }
    }

    /// Claims a folder by device and inode, so that another spelling of its path is the same log.
    static func claim(_ folder: String) throws(EventStoreError) -> Claim {
        var status = stat()
        guard stat(folder, &status) == 0 else { throw .lmdb(errno, "open", path: folder) }
        let place = Place(device: UInt(status.st_dev), inode: UInt(status.st_ino))
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
