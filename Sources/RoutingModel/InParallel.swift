internal import Dispatch
internal import Foundation
internal import Synchronization

/// Work shared out among the processors, whose result does not depend on how many there are.
enum InParallel {
    /// The values for 0, 1, … in order, each made on any processor.
    ///
    /// Blocks the calling thread, which works too. Each value must follow from its place alone.
    static func map<Value: Sendable>(_ count: Int, _ make: @Sendable (Int) -> Value) -> [Value] {
        [Value](unsafeUninitializedCapacity: count) { buffer, filled in
            nonisolated(unsafe) let room = buffer
            each(count) { place in
                // Each place is written once, by the one that made its value.
                (room.baseAddress.unsafelyUnwrapped + place).initialize(to: make(place))
            }
            filled = count
        }
    }

    /// Does something for 0, 1, …, each on any processor; what it changes must be its own.
    static func each(_ count: Int, _ work: @Sendable (Int) -> Void) {
        guard count > 1 else { return (0..<count).forEach(work) }
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(count, processors)) { _ in
            while true {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < count else { return }
                work(place)
            }
        }
    }

    /// Two pieces of work at once; throws what the first throws before what the other does.
    static func both<One: Sendable, Other: Sendable>(
        _ one: @Sendable () throws -> One,
        _ other: @Sendable () throws -> Other
    ) throws -> (One, Other) {
        let made: [Made<One, Other>] = map(2) { place in
            place == 0 ? .one(Result(catching: one)) : .other(Result(catching: other))
        }
        guard case .one(let one) = made[0], case .other(let other) = made[1] else {
            preconditionFailure("the values of 0 and 1 are in their order")
        }
        return (try one.get(), try other.get())
    }

    private enum Made<One: Sendable, Other: Sendable>: Sendable {
        case one(Result<One, any Error>)
        case other(Result<Other, any Error>)
    }

    /// Parts of 0..<count, so many elements each.
    static func parts(_ count: Int, of length: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
    }

    private static let processors = ProcessInfo.processInfo.activeProcessorCount
}
