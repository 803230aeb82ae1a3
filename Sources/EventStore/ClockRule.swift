/// How far the log believes the machine's clock (docs/log-format.md 5).
///
/// Within a boot the wall clock is held against the boot clock, which only runs forward; after a reboot, against the
/// time of the last event. recorded_at never decreases, whatever the clock does.
package enum ClockRule {
    /// A difference within a quarter of a second is no step: clocks are read one after the other.
    static let tolerance: Microseconds = 250_000
    /// The greatest forward step within a boot that needs no word from an operator: 24 hours.
    package static let greatestStep: Microseconds = 24 * 3600 * 1_000_000
    /// The greatest distance to the last event after a reboot that needs no word from an operator: 90 days.
    package static let greatestGap: Microseconds = 90 * 24 * 3600 * 1_000_000

    /// What a reading means after everything the log has seen.
    package struct Finding: Hashable, Sendable {
        /// Whether the machine has started again since the last append.
        package var isNewBoot = false
        /// How far the wall clock went back, or nil.
        package var back: Microseconds?
        /// How far the wall clock stepped forward, or nil; within the limits unless ``isRefused``.
        package var forward: Microseconds?
        /// Whether appends wait for `daybook clock accept`.
        package var isRefused = false

        /// Whether the clock stepped since the last event: bit 1 of clock_state.
        package var isStepped: Bool { back != nil || forward != nil }
    }

    /// Judges a reading against the end of the log.
    package static func judge(_ reading: ClockReading, after tail: LogTail) -> Finding {
        var finding = Finding()
        let anchor = tail.anchor
        guard tail.size > 0 else {
            finding.isNewBoot = true
            return finding
        }
        guard reading.bootID == anchor.bootID else {
            finding.isNewBoot = true
            let gap = reading.wall - tail.recordedAt
            if gap > greatestGap { (finding.forward, finding.isRefused) = (gap, true) }
            if reading.wall < anchor.wall - tolerance { finding.back = anchor.wall - reading.wall }
            return finding
        }
        let step = (reading.wall - anchor.wall) - (reading.sinceBoot - anchor.sinceBoot)
        if step > tolerance { (finding.forward, finding.isRefused) = (step, step > greatestStep) }
        if step < -tolerance { finding.back = -step }
        return finding
    }

    /// The clock_state field of a record.
    static func state(_ reading: ClockReading, isStepped: Bool) -> UInt32 {
        let error = min(reading.estimatedErrorMilliseconds, 0xff_ffff)
        return (reading.isSynchronised ? 1 : 0) | (isStepped ? 2 : 0) | error << 8
    }

    static func refusal(_ finding: Finding) -> EventStoreError {
        let hours = (finding.forward ?? 0) / 3_600_000_000
        let reference = finding.isNewBoot ? "the last event, after a reboot" : "this boot's own clock"
        return EventStoreError(
            .clockRefused,
            "the machine's clock is \(hours) h ahead of \(reference)",
            hint: "set the clock right, or confirm it with `daybook clock accept --reason ...`"
        )
    }
}
