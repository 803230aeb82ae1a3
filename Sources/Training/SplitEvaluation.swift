internal import Foundation
internal import RoutingDomain
internal import RoutingModel
internal import Synchronization

/// The evaluation of all splits, which goes on while the index is built.
final class SplitEvaluation: Sendable {
    private let set: TrainingSet
    private let fitted: FittedModel
    private let settings: ModelSettings
    private let progress: @Sendable (TrainingProgress) -> Void
    private let isCancelled: @Sendable () -> Bool

    private struct State {
        var isOff = false
        var tells = false
        var done = 0
        var result: Result<[Evaluation], any Error>?
    }

    private let state = Mutex(State())
    /// Held until there is a result.
    private let end = DispatchGroup()

    init(
        _ set: TrainingSet,
        _ fitted: FittedModel,
        _ settings: ModelSettings,
        _ progress: @escaping @Sendable (TrainingProgress) -> Void,
        isCancelled: @escaping @Sendable () -> Bool
    ) {
        (self.set, self.fitted, self.settings) = (set, fitted, settings)
        (self.progress, self.isCancelled) = (progress, isCancelled)
    }

    /// Begins, on a thread of its own.
    func start() {
        end.enter()
        Thread { [self] in
            let result = Result { try run() }
            state.withLock { $0.result = result }
            end.leave()
        }.start()
    }

    /// The evaluations, waited for; those of splits that the data do not allow are missing.
    func evaluations() throws -> [Evaluation] {
        end.wait()
        return try state.withLock { $0.result }?.get() ?? []
    }

    /// Evaluates one split after the other.
    private func run() throws -> [Evaluation] {
        try Evaluation.Split.allCases.compactMap { split in
            defer { step() }
            return try Evaluation.of(split, set, settings, fitted: fitted) { goesOn }
        }
    }

    /// Ends it, where it has not ended, and waits for that: no longer than for one piece of its work.
    func callOff() {
        state.withLock { $0.isOff = true }
        end.wait()
    }

    /// From here on its progress is told.
    func tell() { state.withLock { $0.tells = true } }

    private var goesOn: Bool { !isCancelled() && !state.withLock { $0.isOff } }

    private func step() {
        let (done, tells) = state.withLock { state in
            state.done += 1
            return (state.done, state.tells)
        }
        guard tells else { return }
        progress(TrainingProgress(step: .evaluate, done: done, total: Evaluation.Split.allCases.count + 1))
    }
}
