internal import DurableFiles
public import Foundation
internal import Logging

/// A new signing key on its way into the log, with the event that names it.
struct KeyChange: Sendable {
    let key: LogKey
    /// The key that the log named when the change was asked for.
    let previous: String
    /// Whether the previous key signs the first head too, so that whoever knows only that one can follow.
    let isHandedOver: Bool
}

extension LMDBEventLog {
    /// Makes a new signing key and appends `log.key_rotated`, whose tree head both keys sign.
    ///
    /// With `lost`, the old key is gone: the new one signs alone, and whoever pinned the old one has to be told. Otherwise the
    /// old private key is destroyed when the event is on disk. Throws ``EventStoreError/Code/keyUnavailable`` when the old
    /// key is not lost but cannot be read, and what an append throws.
    public func rotateKey(
        lost: Bool,
        actor: UUID,
        metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult {
        try requireAttested()
        let lock = try keys.takeLock()
        defer { withExtendedLifetime(lock) {} }
        // Read anew: another process may have changed the key since this one looked.
        let identity = try environment.read { transaction throws(EventStoreError) in try transaction.identity() }
        guard let origin = LogOrigin(text: identity.origin) else { throw .foreign(environment.path, identity.origin) }
        if lost {
            guard keyProblem() != nil else {
                throw .invalid("the key is not lost: it lies in \(folders.keys), and can hand over to the next one")
            }
        } else {
            _ = try keys.key(of: identity.verifierKey)
        }
        let key = LogKey(origin: origin)
        let event = try LogEvents.keyRotated(newVerifierKey: key.verifierKey, lost: lost)
        return try await change(
            KeyChange(key: key, previous: identity.verifierKey, isHandedOver: !lost),
            event,
            actor,
            metadata
        )
    }

    /// Accepts that the log is older than, or another than, a tree head that it signed, and goes on under a new name and key.
    ///
    /// Appends `log.rollback_accepted`, which names the refused head; where the log was restored and no head survived, its own
    /// newest one, with which the earlier name ends. Throws ``EventStoreError/Code/invalidRequest`` when no outside head
    /// contradicts the log otherwise.
    package func acceptRollback(actor: UUID, metadata: EventMetadata) async throws(EventStoreError) -> AppendResult {
        let contradicting = try contradiction()?.head.head
        let own = contradicting == nil ? try endWithoutHeads() : nil
        guard let refused = contradicting ?? own else {
            throw .invalid("no tree head outside contradicts the log, there is nothing to accept")
        }
        let lock = try keys.takeLock()
        defer { withExtendedLifetime(lock) {} }
        let identity = try environment.read { transaction throws(EventStoreError) in try transaction.identity() }
        guard let origin = LogOrigin(text: identity.origin) else { throw .foreign(environment.path, identity.origin) }
        // Later than every name that ever signed, also in a history that is lost: a name stands for one history.
        let generation = max(origin.generation, try greatestGenerationOutside())
        let key = LogKey(origin: LogOrigin(install: origin.install, generation: generation + 1))
        let event = try LogEvents.rollbackAccepted(
            refused: refused,
            by: key,
            previousVerifierKey: identity.verifierKey
        )
        return try await change(
            KeyChange(key: key, previous: identity.verifierKey, isHandedOver: false),
            event,
            actor,
            metadata
        )
    }

    private func change(
        _ change: KeyChange,
        _ event: ProposedEvent,
        _ actor: UUID,
        _ metadata: EventMetadata
    ) async throws(EventStoreError) -> AppendResult {
        let prepared = try PreparedAppend(AppendRequest(actor: actor, metadata: metadata, events: [event]))
        do throws(FileFault) {
            try keys.prepareNext(change.key)
        } catch {
            throw .file(error)
        }
        let result: AppendResult
        do throws(EventStoreError) {
            result = try await writer.append(prepared, as: .keyChange(change)).get()
        } catch {
            // Only when the log certainly does not name it: after a failed commit nobody knows, and the next start looks.
            if error.code == .wrongExpectedVersion || error.code == .clockRefused { keys.discardNext() }
            throw error
        }
        do throws(FileFault) {
            if try !keys.isCurrent(change.key) { try keys.adoptNext() }
        } catch {
            // The event stands; every process finds the key under its other name, and renames it at its next start.
            logger.warning("the new key could not be put in the place of the old one", metadata: ["error": "\(error)"])
        }
        return result
    }
}
