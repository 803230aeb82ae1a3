internal import CanonicalJSON
internal import DurableFiles
internal import Foundation

/// Holds signed tree heads against the tree and the keys that the log names.
struct HeadCheck {
    /// An event from which on another key signs.
    struct KeyChange: Sendable {
        let position: Position
        let key: VerifierKey
        let type: String
        /// Whether the key before was said to be lost, so that it could not sign the change.
        let isLost: Bool

        /// What an event of the log says of its key; nil for one that changes none.
        init?(_ event: RecordedEvent) {
            guard let key = LogEvents.verifierKey(from: event) else { return nil }
            self.key = key
            position = event.position
            type = event.type
            isLost = (try? JSONReader.canonical(event.data))?["lost"]?.truth ?? false
        }
    }

    let transaction: LMDBTransaction
    let keys: [KeyChange]
    let size: Position
    let allHeads: Bool

    private static let microsecondsADay: Int64 = 86_400_000_000

    /// Checks the heads in the log: the newest, those at a change of keys, one a day, or all.
    func checkKept() throws(EventStoreError) -> (checked: Int, kept: Int) {
        let heads = try transaction.treeHeads().filter { $0.head.size <= size }
        let firstOfKeys = Set(keys.compactMap { key in heads.first { $0.head.size > key.position }?.head.size })
        try checkHandOvers(heads)
        var checked = 0
        var lastDay: Int64?
        for (index, head) in heads.enumerated().reversed() {
            let recordedAt = head.head.size == 0 ? 0 : try transaction.recordedAt(head.head.size - 1)
            let day = recordedAt / Self.microsecondsADay
            let isAtChange = firstOfKeys.contains(head.head.size)
            guard allHeads || index == heads.count - 1 || isAtChange || day != lastDay else { continue }
            lastDay = day
            try check(head)
            checked += 1
        }
        return (checked, heads.count)
    }

    /// A key that was not lost signs the first head over the event that names the next one.
    private func checkHandOvers(_ heads: [SignedTreeHead]) throws(EventStoreError) {
        for (old, new) in zip(keys, keys.dropFirst()) where new.type == "log.key_rotated" && !new.isLost {
            guard let over = heads.first(where: { $0.head.size > new.position }) else { continue }
            guard over.isSigned(by: old.key) else {
                throw LogVerification.damaged(
                    new.position,
                    "it names another key as a successor, and the key in force before did not sign the head over it"
                )
            }
        }
    }

    private func check(_ signed: SignedTreeHead) throws(EventStoreError) {
        let head = signed.head
        guard try transaction.treeRoot(size: head.size) == head.root else {
            throw LogVerification.damaged(
                head.size,
                "the tree head of size \(head.size) has another root than the records"
            )
        }
        guard let change = keys.last(where: { $0.position < head.size }) else {
            throw LogVerification.damaged(0, "the log names no key for the tree head of size \(head.size)")
        }
        guard head.origin == change.key.name, signed.isSigned(by: change.key) else {
            throw LogVerification.damaged(
                head.size,
                "the tree head of size \(head.size) is not signed by the key in force, which position \(change.position) names"
            )
        }
    }

    /// Checks the heads outside: of each day's file the last, or all; returns how many.
    ///
    /// `present` tells the size of the log as it is when it is called: a head is written outside after its commit, so that one read
    /// from a file is never ahead of a size that is asked for afterwards. The transaction's own size may be older than the file.
    ///
    /// Throws ``EventStoreError/Code/rolledBack`` when one that a key of this log signed says that the log was longer or
    /// another. Those under an earlier name are passed over: their loss was accepted.
    func checkOutside(
        _ folder: String,
        present: () throws(EventStoreError) -> Position
    ) throws(EventStoreError) -> Int {
        guard let current = keys.last?.key else { return 0 }
        // What a key signed that this log does not name is looked at when the log is opened.
        let known = keys.map(\.key).filter { $0.name == current.name }
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
            $0.hasSuffix(".notes")
        }
        var checked = 0
        for name in names.sorted() {
            let notes: [SignedTreeHead]
            do throws(FileFault) {
                let bytes = try DurableFile.read("\(folder)/\(name)", limit: 1 << 30)
                notes = TreeHeadFiles.notes(in: String(decoding: bytes, as: UTF8.self))
            } catch {
                throw .file(error)
            }
            let own = notes.filter { $0.head.origin == current.name }
            let chosen = allHeads ? own : own.max { $0.head.size < $1.head.size }.map { [$0] } ?? []
            for signed in chosen where known.contains(where: { signed.isSigned(by: $0) }) {
                checked += 1
                let head = signed.head
                // What was appended while this reads is in nobody's way.
                if head.size > size, try head.size <= present() { continue }
                if head.size <= size, try transaction.treeRoot(size: head.size) == head.root { continue }
                throw EventStoreError(
                    .rolledBack,
                    head.size > size
                        ? "the log has \(size) events, and it signed a tree head over \(head.size) (\(name))"
                        : "the log is not the one of the tree head of size \(head.size) that it signed (\(name)): its root at that size is another",
                    hint:
                        "restore the newest backup; if what is missing is lost for good, `daybook verify --accept-rollback --reason …`",
                    position: min(size, head.size)
                )
            }
        }
        return checked
    }
}
