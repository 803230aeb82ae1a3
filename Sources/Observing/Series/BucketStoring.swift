/// Has buckets to read.
package protocol BucketReading: Sendable {
    /// The buckets of a service, or of all, that start within a time (its end excluded), by start.
    func buckets(
        _ resolution: BucketResolution,
        of service: String?,
        from: Int64,
        to: Int64
    ) throws -> [MetricBucket]
}

/// Keeps buckets on disk; `data/state.db` does.
///
/// Calls block. They throw where the disk or the file does not let them; nothing is changed then.
package protocol BucketStoring: BucketReading {
    /// Adds what was counted to what the minutes hold already, and brings their hours up to date, in one transaction.
    ///
    /// `now` in seconds since 1970 decides what has become too old and goes.
    func add(_ minutes: [MetricBucket], now: Int64) throws

    /// Puts minutes of one service in the place of what it sent before under the same keys, and brings their hours up to date.
    ///
    /// Refuses nothing; the caller has checked them.
    func replace(_ minutes: [MetricBucket], now: Int64) throws

    /// The services that have a bucket, by name.
    func services() throws -> [String]

    /// How many bytes all buckets have, their keys included.
    func bucketBytes() throws -> Int
}
