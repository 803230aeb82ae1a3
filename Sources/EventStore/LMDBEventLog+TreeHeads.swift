internal import DurableFiles
internal import Synchronization

extension LMDBEventLog: TileReading {
    /// The newest signed tree head; nil in a log to which no program that signs has appended.
    public func treeHead() throws(EventStoreError) -> SignedTreeHead? {
        try environment.read { transaction throws(EventStoreError) in try transaction.newestTreeHead() }
    }

    /// Every tree head that is kept, by size: the newest, the last of each minute, those over a change of keys, and each one
    /// that was given out.
    public func treeHeads() throws(EventStoreError) -> [SignedTreeHead] {
        try environment.read { transaction throws(EventStoreError) in try transaction.treeHeads() }
    }

    /// The newest signed tree head, which is from now on kept for ever, as somebody outside may come back with it.
    ///
    /// Returns after an fsync; blocks, so not for Swift's cooperative threads. A log without any head gets one. Throws
    /// ``EventStoreError/Code/keyUnavailable`` when there is none and none can be signed.
    public func giveOutTreeHead() throws(EventStoreError) -> SignedTreeHead {
        if let newest = try treeHead(), newest.head.size == (try head().size) {
            return try environment.write { transaction throws(EventStoreError) in
                // Another process may have appended since; the head given out is the newest one then.
                guard let newest = try transaction.newestTreeHead() else { throw .headless(transaction.path) }
                return (newest, try transaction.keep(newest))
            }
        }
        return try environment.write { transaction throws(EventStoreError) in
            let tail = try transaction.tail()
            let key = try keys.key(of: try transaction.verifierKey())
            var edge = try transaction.tileEdge(of: tail)
            try transaction.put(edge.takeChanges())
            let head = TreeHead(origin: key.origin.text, size: tail.size, root: tail.frontier.root)
            let signed = SignedTreeHead(head, signatures: [try key.signature(under: head)])
            try transaction.setNewest(signed)
            try transaction.keep(signed)
            return (signed, true)
        }
    }

    /// The first hashes of a tile of the log's Merkle tree; see ``TileReading``.
    ///
    /// Throws ``EventStoreError/Code/damaged`` when the log has no such tile.
    public func tile(level: Int, index: UInt64, width: Int) throws(EventStoreError) -> [UInt8] {
        try environment.read { transaction throws(EventStoreError) in
            try transaction.tile(level: level, index: index, width: width)
        }
    }

    /// The exact bytes of the record at a position.
    ///
    /// Throws ``EventStoreError/Code/damaged`` naming the position when it is missing or not what was written.
    public func record(at position: Position) throws(EventStoreError) -> RecordedEvent {
        try environment.read { transaction throws(EventStoreError) in try transaction.record(at: position) }
    }

    /// Why nothing can be appended for want of the signing key; nil when it is at hand.
    public func keyProblem() -> EventStoreError? {
        do throws(EventStoreError) {
            _ = try keys.key(of: identity.verifierKey)
            return nil
        } catch {
            return error
        }
    }

    /// The newest tree head outside the log, in `data/tree-heads`, that this log's present name and keys signed; nil for none.
    public func outsideTreeHead() throws(EventStoreError) -> SignedTreeHead? { try newestOutside()?.head }

    private func newestOutside() throws(EventStoreError) -> TreeHeadFiles.Found? {
        let origin = identity.origin
        let known = try verifierKeys().map(\.key).filter { $0.name == origin }
        do throws(FileFault) {
            return try TreeHeadFiles.newest(in: folders.treeHeads) { head in
                head.head.origin == origin && known.contains { head.isSigned(by: $0) }
            }
        } catch {
            throw .file(error)
        }
    }

    /// The greatest number of accepted losses that a name outside states; 0 for none.
    func greatestGenerationOutside() throws(EventStoreError) -> Int {
        let install = identity.install
        do throws(FileFault) {
            let origins = try TreeHeadFiles.origins(in: folders.treeHeads).compactMap { LogOrigin(text: $0) }
            return origins.filter { $0.install == install }.map(\.generation).max() ?? 0
        } catch {
            throw .file(error)
        }
    }

    /// The newest of the latest outside heads of this installation that a key signed which this log does not name.
    ///
    /// Such a head is of a history in which the key was changed after what this log still knows. Its signature cannot be
    /// checked, so that only its size or its later name speaks.
    private func unknownOutside(than size: Position) throws(EventStoreError) -> TreeHeadFiles.Found? {
        guard let origin = LogOrigin(text: identity.origin) else { return nil }
        let known = Set(try verifierKeys().map(\.key.keyID))
        let latest: [TreeHeadFiles.Found]
        do throws(FileFault) {
            latest = try TreeHeadFiles.latest(in: folders.treeHeads)
        } catch {
            throw .file(error)
        }
        return latest.filter { found in
            guard let other = LogOrigin(text: found.head.head.origin), other.install == origin.install,
                other.generation >= origin.generation,
                found.head.signatures.allSatisfy({ !known.contains($0.keyID) })
            else { return false }
            return other.generation > origin.generation || found.head.head.size > size
        }.max { $0.head.head.size < $1.head.head.size }
    }

    /// The newest outside head that this log contradicts; nil when they agree.
    func contradiction() throws(EventStoreError) -> TreeHeadFiles.Found? {
        // Read before the log, so that a commit in between makes the log longer than the head and not shorter.
        let outside = try newestOutside()
        if let unknown = try unknownOutside(than: try head().size) { return unknown }
        guard let newest = outside else { return nil }
        let head = newest.head.head
        return try environment.read { transaction throws(EventStoreError) in
            guard try transaction.size() >= head.size else { return newest }
            // Tiles reach as far as the newest stored head: without one there is nothing to compare.
            guard let covered = try transaction.newestTreeHead()?.head.size, covered >= head.size else { return newest }
            return try transaction.treeRoot(size: head.size) == head.root ? nil : newest
        }
    }

    /// Where the log ends that a backup brought here and that no tree head outside speaks of; nil for any other, and once that
    /// was accepted.
    ///
    /// Its key may have signed heads beyond it that somebody holds, and must not sign other ones there.
    func endWithoutHeads() throws(EventStoreError) -> TreeHead? {
        guard let restoredSize, try folders.newestTreeHead(ofInstall: identity.install.text) == nil else { return nil }
        // The acceptance itself, should its own head not have reached the folder.
        if let newest = try verifierKeys().last, newest.position >= restoredSize { return nil }
        let head = try head()
        return TreeHead(origin: identity.origin, size: head.size, root: head.root)
    }

    /// Throws ``EventStoreError/Code/rolledBack`` while nobody knows how far the log once went: see ``endWithoutHeads()``.
    func requireAttested() throws(EventStoreError) {
        if let problem = try unattestedProblem() { throw problem }
    }

    /// Why nothing can be appended to a log that a backup brought and no tree head speaks of; nil when that is not so.
    package func unattestedProblem() throws(EventStoreError) -> EventStoreError? {
        guard let end = try endWithoutHeads() else { return nil }
        return EventStoreError(
            .rolledBack,
            "the log in \(folders.log) was restored from a backup, and no tree head survived that says how far it once went: nothing is appended after its \(end.size) events",
            hint:
                "put surviving tree heads into data/tree-heads; if there are none, `daybook verify --accept-rollback --reason …` goes on under a new name and key",
            position: end.size
        )
    }

    /// Throws ``EventStoreError/Code/rolledBack`` where the heads outside are all those of another installation's log.
    ///
    /// Then this log was put into the place of the one that belongs here.
    func requireOwnHeads() throws(EventStoreError) {
        guard try newestOutside() == nil else { return }
        let foreign: String?
        do throws(FileFault) {
            foreign = try TreeHeadFiles.foreignOrigin(in: folders.treeHeads, to: identity.install)
        } catch {
            throw .file(error)
        }
        guard let foreign else { return }
        throw EventStoreError(
            .rolledBack,
            "the log in \(folders.log) is another home's: it is \(identity.origin), and the tree heads beside it are of \(foreign)",
            hint:
                "put the log of this home back, from its newest backup; or move the foreign tree heads away if they do not belong here"
        )
    }

    /// Throws ``EventStoreError/Code/rolledBack`` where the home's key files hold another key than the one that the log names.
    ///
    /// Then one of the two was exchanged. A key that is missing or unreadable says nothing: reading needs none.
    func requireOwnKey() throws(EventStoreError) {
        let named = identity.verifierKey
        let held = [keys.current, keys.next].compactMap { try? LogKey.read(from: $0).verifierKey }
        guard let other = held.first, !held.contains(named) else { return }
        throw EventStoreError(
            .rolledBack,
            "the log's verifier key is not the one this home's key files hold: the log in \(folders.log) names \(named), "
                + "\(folders.keys) holds \(other)",
            hint:
                "ask which of the two is this home's, by the auditor card or a tree head carried away, and put the other one back from its backup"
        )
    }

    /// The error for an outside head that contradicts the log.
    func rolledBack(_ found: TreeHeadFiles.Found) throws(EventStoreError) -> EventStoreError {
        let (size, head) = (try head().size, found.head.head)
        let name = found.file.split(separator: "/").last.map(String.init) ?? found.file
        let signed = "the tree head of size \(head.size) that it signed (\(name))"
        return EventStoreError(
            .rolledBack,
            size < head.size || head.origin != identity.origin
                ? "the log in \(folders.log) is older than \(signed): it has \(size) events as \(identity.origin)"
                : "the log in \(folders.log) is not the one of \(signed): its root at that size is another",
            hint:
                "restore the newest backup; if what is missing is lost for good, `daybook verify --accept-rollback --reason …`",
            position: min(size, head.size)
        )
    }
}

/// The identity of an open log, which a change of keys replaces.
final class CurrentIdentity: Sendable {
    private let value: Mutex<LogIdentity>

    init(_ identity: LogIdentity) { value = Mutex(identity) }

    var now: LogIdentity { value.withLock { $0 } }

    func adopt(_ key: LogKey) {
        value.withLock {
            $0.origin = key.origin.text
            $0.verifierKey = key.verifierKey
        }
    }
}
