internal import CanonicalJSON
package import DurableFiles
package import EventStore

/// The log of a backup that has been unpacked, checked by itself: not yet beside any other tree head.
package enum StagedLog {
    /// Verifies the log in a `data` folder whole, and compares it with what the backup says of it.
    ///
    /// Throws ``EventStore/EventStoreError/Code/damaged`` naming the first bad position, or ``BackupFault`` with `damaged` when
    /// the log is sound but another one than the manifest's. `options`, `progress` and `inspect` are those of
    /// ``EventStore/LogVerification``. Blocks.
    package static func verify(
        data: String,
        _ facts: BackupFacts,
        options: LogVerification.Options = LogVerification.Options(),
        progress: (Position) -> Void = { _ in },
        inspect: (RecordedEvent) throws -> Void = { _ in }
    ) throws {
        let log = try open(data: data)
        try withExtendedLifetime(log) {
            let report = try LogVerification.verify(log, options: options, progress: progress, inspect: inspect)
            guard log.identity.install.text == facts.install, Int(report.events) == facts.logSize,
                report.root.hexadecimal == facts.root
            else {
                throw BackupFault.damaged(
                    "the backup",
                    "its manifest says \(facts.logSize) events with root \(facts.root), its log has \(report.events) with \(report.root.hexadecimal)"
                )
            }
            try check(facts.treeHead, log)
        }
    }

    /// Opens the log of a `data` folder without looking at any head outside; the caller keeps it no longer than the folder.
    ///
    /// `isAlone` says that nobody else has it open, as with a copy that this process has made; `lock` is that of a home whose
    /// lock this process holds. Every page is looked at before liblmdb follows one: whoever wrote the file may be a stranger.
    package static func open(data: String, isAlone: Bool = true, under lock: FileLock? = nil) throws -> LMDBEventLog {
        var tuning = LMDBEventLog.Tuning()
        tuning.isAlone = isAlone
        tuning.heldAlone = lock
        tuning.walksPages = true
        return try LMDBEventLog.open(
            at: LogFolders(log: "\(data)/log", keys: "\(data)/keys", treeHeads: "\(data)/none"),
            clock: SystemClock(),
            tuning: tuning
        )
    }

    private static func check(_ note: String?, _ log: LMDBEventLog) throws {
        guard let note else { return }
        guard let signed = SignedTreeHead(note: note), signed.head.size <= (try log.head().size),
            try log.root(size: signed.head.size) == signed.head.root,
            try log.verifierKeys().contains(where: { signed.isSigned(by: $0.key) })
        else { throw BackupFault.damaged("the backup", "its signed tree head is not one of the log in it") }
    }
}
