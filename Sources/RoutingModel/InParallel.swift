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

    /// Parts of 0..<count, so many elements each.
    static func parts(_ count: Int, of length: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
    }

    private static let processors = ProcessInfo.processInfo.activeProcessorCount
}
