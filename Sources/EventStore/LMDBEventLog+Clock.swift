extension LMDBEventLog {
    /// What the log would say of a reading of the clocks if an event came now; appends nothing.
    package func judge(_ reading: ClockReading) throws(EventStoreError) -> ClockRule.Finding {
        let tail = try environment.read { transaction throws(EventStoreError) in try transaction.tail() }
        return ClockRule.judge(reading, after: tail)
    }
}
