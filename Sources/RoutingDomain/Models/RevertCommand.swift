/// Goes back by itself from a version that no inference worker could load: the watch's own doing.
///
/// One step at most: what the watch went back to, it does not go back from. A person decides then.
package struct RevertActivation: Command {
    /// The activation stack, and the workers that are named.
    package struct State: CommandState {
        package var activation = ActivationState()
        package var workers: [String: WorkerState] = [:]
        package init() {}
        package mutating func apply(_ past: HistoricEvent) {
            activation.apply(past)
            let prefix = WorkerState.stream("")
            guard past.stream.hasPrefix(prefix) else { return }
            workers[String(past.stream.dropFirst(prefix.count)), default: WorkerState()].apply(past)
        }
    }

    package static let name = "revert-activation"
    /// The version that could not be loaded.
    package var version: String
    /// Where its activation stands: whoever activates anything later has decided, and nothing is reverted.
    package var position: Int
    /// Every worker that is known, in order of names.
    package var workers: [String]

    package init(version: String, position: Int, workers: [String]) {
        (self.version, self.position, self.workers) = (version, position, workers)
    }

    package func streams(_ known: State) -> [String] { [ActivationState.stream] + workers.map(WorkerState.stream) }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        let target = try target(state.activation)
        guard !workers.isEmpty else { throw refusal("no worker is known that could not load it") }
        for worker in workers {
            let known = state.workers[worker] ?? WorkerState()
            guard known.status == .joined else { throw refusal("the worker \(worker) has not joined") }
            guard let failure = known.failure, failure.event.version == version, failure.position > UInt64(position)
            else { throw refusal("the worker \(worker) may still load it", actual: known.loaded) }
        }
        let event = ModelActivated(
            version: target,
            previousVersion: version,
            kind: .rollback,
            isEmergency: true,
            isExternal: state.activation.wasExternal(target)
        )
        return [Decided(event, on: ActivationState.stream)]
    }

    /// Where to go back to.
    private func target(_ activation: ActivationState) throws(Rejection) -> String {
        guard let last = activation.entries.last, last.position == UInt64(position), last.version == version else {
            throw refusal("something else was activated since", actual: activation.active)
        }
        guard !last.isExternal else { throw refusal("another service answers with it") }
        guard last.kind != .rollback || last.actor != CommandContext.system else {
            throw refusal("it was itself gone back to without anybody's word")
        }
        return try activation.target(of: nil)
    }

    private func refusal(_ why: String, actual: String? = nil) -> Rejection {
        Rejection(
            "activation.no-revert",
            .conflict,
            "\(version) is not reverted: \(why)",
            hint: "`daybook model active` shows how it stands; `daybook model rollback` goes back by a person's word",
            field: "version",
            actual: actual
        )
    }

    /// Why it goes back, for the envelope: each worker with what it found, cut to what a reason may hold.
    package static func reason(_ version: String, _ failures: [(worker: String, reason: String)]) -> String {
        let words = failures.map { "\($0.worker): \($0.reason)" }.joined(separator: "; ")
        let text = "no inference worker could load \(version): \(words)"
        var cut = String(text.prefix(1_800))
        while cut.utf8.count > 1_900 { cut.removeLast() }
        return cut.utf8.count < text.utf8.count ? cut + " (cut)" : text
    }
}
