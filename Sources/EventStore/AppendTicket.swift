internal import Synchronization

/// An append's place in the queue to the disk, on which the next one can rest before it is there.
///
/// Who decides on what an append that still waits is going to write names it as its basis: it is refused with
/// ``EventStoreError/Code/wrongExpectedVersion`` unless the basis was appended as it was. Stream versions alone do not tell: an
/// event of another process may have taken the place. One ticket serves one append.
package final class AppendTicket: Sendable {
    /// How far an append has come.
    package enum State: Sendable {
        /// Waiting, or on its way to the disk.
        case open
        /// On disk, by this append and no earlier one.
        case appended
        /// Refused, failed, or found to be a repetition.
        case refused
    }

    private struct Course {
        var state = State.open
        /// In the transaction that is being made.
        var isPlanned = false
        var basis: AppendTicket?
        var onQueue: (@Sendable () -> Void)?
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let course: Mutex<Course>

    /// A ticket of an append that rests on another; `onQueue` is called once its place in the queue is certain.
    package init(after basis: AppendTicket? = nil, onQueue: (@Sendable () -> Void)? = nil) {
        course = Mutex(Course(basis: basis, onQueue: onQueue))
    }

    /// How far the append has come.
    package var state: State { course.withLock { $0.state } }

    /// Returns once the append is on disk or refused.
    package func settled() async {
        await withCheckedContinuation { continuation in
            let isSettled = course.withLock { course in
                guard course.state == .open else { return true }
                course.waiting.append(continuation)
                return false
            }
            if isSettled { continuation.resume() }
        }
    }

    /// Says what became of the append; only the first word counts.
    package func settle(_ result: AppendResult?) {
        let (waiting, basis) = course.withLock { course -> ([CheckedContinuation<Void, Never>], AppendTicket?) in
            guard course.state == .open else { return ([], nil) }
            course.state = result.map { !$0.isRepeat } ?? false ? .appended : .refused
            // Let go of outside of the lock: a chain of tickets ends here.
            defer { (course.waiting, course.basis, course.onQueue) = ([], nil, nil) }
            return (course.waiting, course.basis)
        }
        withExtendedLifetime(basis) { for continuation in waiting { continuation.resume() } }
    }

    /// Says that no append will come between this one and those before it.
    package func enterQueue() {
        let onQueue = course.withLock { course in
            defer { course.onQueue = nil }
            return course.onQueue
        }
        onQueue?()
    }

    /// Whether what the append rests on is on disk or before it in the same transaction.
    var holds: Bool {
        guard let basis = course.withLock({ $0.basis }) else { return true }
        return basis.course.withLock { $0.state == .appended || $0.state == .open && $0.isPlanned }
    }

    /// Says whether the transaction that is being made holds the append.
    func plan(_ isPlanned: Bool) { course.withLock { $0.isPlanned = isPlanned } }
}

extension EventStoreError {
    static let baseless = EventStoreError(
        .wrongExpectedVersion,
        "what this command was decided on did not come about",
        hint: "read the streams again and decide anew"
    )
}
