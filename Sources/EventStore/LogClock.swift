internal import CPOSIX
internal import DurableFiles
internal import Glibc

/// One look at the machine's clocks.
public struct ClockReading: Hashable, Sendable {
    /// The wall clock.
    public var wall: Microseconds
    /// Microseconds since the machine started, sleep included; only comparable within one boot.
    public var sinceBoot: Microseconds
    /// What tells one boot of the machine from another.
    public var bootID: String
    /// Whether the kernel's clock is kept by NTP or PTP.
    public var isSynchronised: Bool
    /// The kernel's estimate of its error in milliseconds.
    public var estimatedErrorMilliseconds: UInt32

    /// A reading; tests make their own.
    public init(
        wall: Microseconds,
        sinceBoot: Microseconds,
        bootID: String,
        isSynchronised: Bool = false,
        estimatedErrorMilliseconds: UInt32 = 0
    ) {
        self.wall = wall
        self.sinceBoot = sinceBoot
        self.bootID = bootID
        self.isSynchronised = isSynchronised
        self.estimatedErrorMilliseconds = estimatedErrorMilliseconds
    }
}

/// Where the log gets its time from.
public protocol LogClock: Sendable {
    /// The clocks now. Never fails and never waits.
    func reading() -> ClockReading
    /// The wall clock alone; cheaper where a clock can be read so.
    var wall: Microseconds { get }
}

extension LogClock {
    /// The wall clock of a whole reading.
    public var wall: Microseconds { reading().wall }
}

/// The clocks of this machine.
public struct SystemClock: LogClock {
    private let bootID: String

    /// The machine's clocks; the boot identifier is read once, from `/proc`.
    public init() {
        let bytes = (try? DurableFile.read("/proc/sys/kernel/random/boot_id", limit: 4096)) ?? []
        let name = String(decoding: bytes.filter(RecordText.isNameByte).prefix(64), as: UTF8.self)
        bootID = name.isEmpty ? "unknown" : name
    }

    /// The wall clock now.
    public var wall: Microseconds {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { preconditionFailure("the system has no realtime clock") }
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    /// The clocks now, read closely together.
    public func reading() -> ClockReading {
        var clock = cposix_clock()
        guard cposix_read_clock(&clock) == 0 else {
            preconditionFailure("the system has no realtime or boottime clock")
        }
        return ClockReading(
            wall: clock.wall_us,
            sinceBoot: clock.boot_us,
            bootID: bootID,
            isSynchronised: clock.synchronised != 0,
            estimatedErrorMilliseconds: clock.estimated_error_ms
        )
    }
}
