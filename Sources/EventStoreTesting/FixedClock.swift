public import EventStore
internal import Synchronization

/// A clock that stands still until a test moves it; wall and boot clock can be moved apart.
public final class FixedClock: LogClock {
    private let state: Mutex<ClockReading>

    /// A clock at an instant (by default 2025-09-15T00:00:00Z), an hour after the start of a machine.
    public init(
        wall: Microseconds = 1_757_894_400_000_000,
        sinceBoot: Microseconds = 3_600_000_000,
        bootID: String = "11111111-1111-4111-8111-111111111111",
        isSynchronised: Bool = true
    ) {
        state = Mutex(
            ClockReading(wall: wall, sinceBoot: sinceBoot, bootID: bootID, isSynchronised: isSynchronised)
        )
    }

    /// The reading as it was set last.
    public func reading() -> ClockReading { state.withLock { $0 } }

    /// Lets time pass: both clocks move by so many microseconds.
    public func advance(by duration: Microseconds) {
        state.withLock {
            $0.wall += duration
            $0.sinceBoot += duration
        }
    }

    /// Sets the wall clock forward or back by so many microseconds, as a person with the right to would.
    public func step(by duration: Microseconds) { state.withLock { $0.wall += duration } }

    /// Starts the machine again: the wall clock goes on after a pause, the boot clock starts anew.
    public func reboot(as bootID: String, pause: Microseconds = 60_000_000) {
        state.withLock {
            $0.wall += pause
            $0.sinceBoot = 10_000_000
            $0.bootID = bootID
        }
    }

    /// Changes whatever else a test needs.
    public func change(_ body: (inout ClockReading) -> Void) { state.withLock { body(&$0) } }
}
