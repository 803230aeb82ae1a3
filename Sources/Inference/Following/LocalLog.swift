internal import CanonicalJSON
package import CommandHandling
internal import DurableFiles
package import EventStore
internal import Glibc
internal import Proofs
package import RoutingDomain
internal import Synchronization

/// The log of this machine's home, followed by itself: signal, then pull.
package final class LocalLog: LogFollowing {
    private struct Known {
        /// The head that was seen last; nil before the first.
        var held: (size: Position, root: [UInt8])?
        var trouble: String?
    }

    private let log: LMDBEventLog
    private let commands: CommandHandler
    private let place: String?
    private let state = Mutex(Known())

    /// The log, with a handler that reads its streams.
    ///
    /// The last head is kept in the folder `place`, for a worker that starts again; with nil it is known to this one alone.
    package init(_ log: LMDBEventLog, _ commands: CommandHandler, place: String? = nil) {
        (self.log, self.commands, self.place) = (log, commands, place)
    }

    package func verifierKeys() throws -> [VerifierKey] { try log.verifierKeys().map(\.key) }

    package var trouble: String? { state.withLock { $0.trouble } }

    package func follow(_ take: @Sendable ([HistoricEvent], UInt64) -> Void) async throws {
        do {
            try await followUntilTrouble { events, checkpoint in
                state.withLock { $0.trouble = nil }
                take(events, checkpoint)
            }
        } catch {
            state.withLock { $0.trouble = "\(error)" }
            throw error
        }
    }

    private func followUntilTrouble(_ take: ([HistoricEvent], UInt64) -> Void) async throws {
        // The few streams that matter are read at once, however long the log is; what comes after is followed.
        let head = try log.head().size
        take(try known(), head)
        for try await page in log.subscribe(from: head) {
            var events: [HistoricEvent] = []
            for recorded in page.events where FollowedState.types.contains(recorded.type) {
                let event = try CommandHandler.historic(recorded)
                // A version may have been registered long before it is activated.
                if let activated = event.event as? ModelActivated {
                    events += try self.events(of: ModelState.stream(activated.version))
                }
                events.append(event)
            }
            take(events, page.next)
        }
    }

    private func known() throws -> [HistoricEvent] {
        var streams = [ActivationState.stream, ConfigName.runtime.stream]
        // What another service answers with is not to be served here: the one before it still is.
        let own = try events(of: ActivationState.stream).compactMap { $0.event as? ModelActivated }
            .last { !$0.isExternal }
        if let own { streams.append(ModelState.stream(own.version)) }
        return try streams.flatMap { try events(of: $0) }
    }

    private func events(of stream: String) throws -> [HistoricEvent] {
        guard let name = StreamName(stream) else { return [] }
        return try log.events(in: name).filter { FollowedState.types.contains($0.type) }
            .map { try CommandHandler.historic($0) }
    }

    package func requireContinuity(of order: ServingOrder) async throws {
        let head = try log.head()
        if let before = try held() {
            guard head.size >= before.size else {
                throw fault("the log has \(head.size) events, and had \(before.size) before: it is an older one")
            }
            let path = try TreeProof.consistency(from: before.size, to: head.size, from: log)
            guard
                TreeProof.isConsistent(
                    from: before.size,
                    root: before.root,
                    to: head.size,
                    root: head.root,
                    path: path
                )
            else {
                throw fault(
                    "the log does not begin with the \(before.size) events that it had before: it is another one"
                )
            }
        }
        try keep(head)
    }

    // MARK: - The last head

    private var file: String? { place.map { "\($0)/head" } }

    private func held() throws(LoadFault) -> (size: Position, root: [UInt8])? {
        if let held = state.withLock({ $0.held }) { return held }
        guard let file else { return nil }
        let bytes: [UInt8]
        do {
            bytes = try DurableFile.read(file, limit: 1_024)
        } catch  where error.errorNumber == ENOENT {
            return nil
        } catch {
            throw LoadFault(.storage, error.description, hint: error.hint)
        }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let size = Position(words[0]), let root = [UInt8](hexadecimal: words[1]) else {
            throw fault("\(file) is no head of a log")
        }
        return (size, root)
    }

    private func keep(_ head: LogHead) throws(LoadFault) {
        if let place, let file {
            do {
                try DurableFile.makeDirectory(place, mode: 0o700)
                try DurableFile.write(Array("\(head.size) \(head.root.hexadecimal)\n".utf8), to: file, mode: 0o600)
            } catch {
                throw LoadFault(.storage, error.description, hint: error.hint)
            }
        }
        state.withLock { $0.held = (head.size, head.root) }
    }

    private func fault(_ message: String) -> LoadFault {
        let again = file.map { "remove \($0) and restart the worker" } ?? "restart the worker"
        return LoadFault(
            .log,
            message,
            hint: "`daybook verify` tells what happened; if the log is right as it is, \(again)"
        )
    }
}

/// The versions in the home itself.
package struct LocalModels: ModelFetching {
    private let home: String

    /// The versions of a home.
    package init(home: String) { self.home = home }

    package func home(of order: ServingOrder) async throws -> String { home }
}
