internal import Foundation
internal import GRDB
package import Observing

/// What services did by the minute and by the hour: numbers only, nothing of a person's, nothing that the log needs.
///
/// An hour is always the sum of its minutes: it is made anew with each minute that comes, as long as its minutes are there.
extension People: BucketStoring {
    /// How long minutes are kept, in seconds: 8 days.
    package static let minutesKept: Int64 = 8 * 86_400
    /// How long hours are kept, in seconds: 400 days.
    package static let hoursKept: Int64 = 400 * 86_400
    /// How many bytes all buckets may have; the oldest minutes go first, then the oldest hours.
    package static let mostBucketBytes = 20 << 20
    /// Minutes that are younger than this stay as long as there are hours to be removed, in seconds: two days.
    private static let minutesThatStay: Int64 = 2 * 86_400
    /// What a row has beside its texts and its tallies.
    private static let rowBytes = 16

    static let bucketTable = """
        CREATE TABLE metric_bucket (
            seconds INTEGER NOT NULL CHECK (seconds IN (60, 3600)),
            start INTEGER NOT NULL,
            service TEXT NOT NULL,
            instance TEXT NOT NULL,
            version TEXT NOT NULL,
            tallies BLOB NOT NULL,
            PRIMARY KEY (seconds, start, service, instance, version)
        ) STRICT, WITHOUT ROWID;
        """

    package func add(_ minutes: [MetricBucket], now: Int64) throws {
        try writing { database in
            for minute in minutes {
                var whole = try Self.bucket(.minute, minute.key, database) ?? MetricBucket(minute.key)
                whole.merge(minute)
                try Self.put(.minute, whole, database)
            }
            try Self.settle(minutes, now: now, database)
        }
    }

    package func replace(_ minutes: [MetricBucket], now: Int64) throws {
        try writing { database in
            for minute in minutes { try Self.put(.minute, minute, database) }
            try Self.settle(minutes, now: now, database)
        }
    }

    package func buckets(
        _ resolution: BucketResolution,
        of service: String?,
        from: Int64,
        to: Int64
    ) throws -> [MetricBucket] {
        try reading { database in
            try Self.buckets(resolution, of: service, version: nil, from: from, to: to, database)
        }
    }

    package func services() throws -> [String] {
        try reading { database in
            try String.fetchAll(database, sql: "SELECT DISTINCT service FROM metric_bucket ORDER BY service")
        }
    }

    package func bucketBytes() throws -> Int { try reading { try Self.bytes($0) } }

    // MARK: - Rows

    private static func buckets(
        _ resolution: BucketResolution,
        of service: String?,
        version: String?,
        from: Int64,
        to: Int64,
        _ database: Database
    ) throws -> [MetricBucket] {
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT start, service, instance, version, tallies FROM metric_bucket
                WHERE seconds = ? AND start >= ? AND start < ? AND service = ifnull(?, service)
                    AND version = ifnull(?, version)
                ORDER BY start, service, instance, version
                """,
            arguments: [resolution.seconds, from, to, service, version]
        )
        // Bytes of a form that this program does not know are no reason to show nothing of the others.
        return rows.compactMap { row in
            let key = MetricBucket.Key(
                start: row["start"],
                service: row["service"],
                instance: row["instance"],
                version: row["version"]
            )
            return BucketCoding.bucket(key, Array(row["tallies"] as Data))
        }
    }

    private static func bucket(
        _ resolution: BucketResolution,
        _ key: MetricBucket.Key,
        _ database: Database
    ) throws -> MetricBucket? {
        try Data.fetchOne(
            database,
            sql: """
                SELECT tallies FROM metric_bucket
                WHERE seconds = ? AND start = ? AND service = ? AND instance = ? AND version = ?
                """,
            arguments: [resolution.seconds, key.start, key.service, key.instance, key.version]
        ).flatMap { BucketCoding.bucket(key, Array($0)) }
    }

    private static func put(_ resolution: BucketResolution, _ bucket: MetricBucket, _ database: Database) throws {
        let key = bucket.key
        try database.execute(
            sql: """
                INSERT OR REPLACE INTO metric_bucket (seconds, start, service, instance, version, tallies)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                resolution.seconds, key.start, key.service, key.instance, key.version,
                Data(BucketCoding.bytes(of: bucket)),
            ]
        )
    }

    // MARK: - Hours and bounds

    private static func settle(_ minutes: [MetricBucket], now: Int64, _ database: Database) throws {
        let hours = Set(
            minutes.map {
                MetricBucket.Key(
                    start: BucketResolution.hour.start(of: $0.key.start),
                    service: $0.key.service,
                    version: $0.key.version
                )
            }
        )
        for hour in hours {
            var whole = MetricBucket(hour)
            for minute in try buckets(
                .minute,
                of: hour.service,
                version: hour.version,
                from: hour.start,
                to: hour.start + 3_600,
                database
            ) { whole.merge(minute) }
            try put(.hour, whole, database)
        }
        for (resolution, kept) in [(BucketResolution.minute, minutesKept), (.hour, hoursKept)] {
            try database.execute(
                sql: "DELETE FROM metric_bucket WHERE seconds = ? AND start < ?",
                arguments: [resolution.seconds, now - kept]
            )
        }
        // Adding all of them up reads all of them: now and then is enough, as a minute adds little.
        guard minutes.count > 10 || minutes.contains(where: { $0.key.start % 600 == 0 }) else { return }
        try bound(now: now, database)
    }

    private static func bytes(_ database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT ifnull(sum(\(size)), 0) FROM metric_bucket") ?? 0
    }

    private static let size =
        "length(tallies) + length(service) + length(instance) + length(version) + \(rowBytes)"

    /// Removes the oldest until the bytes are below the bound, with a little room for what comes.
    private static func bound(now: Int64, _ database: Database) throws {
        let bytes = try bytes(database)
        guard bytes > mostBucketBytes else { return }
        var excess = bytes - mostBucketBytes + mostBucketBytes / 50
        for (resolution, before) in [
            (BucketResolution.minute, now - minutesThatStay), (.hour, now), (.minute, Int64.max),
        ] where excess > 0 {
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT start, sum(\(size)) AS bytes FROM metric_bucket WHERE seconds = ? AND start < ?
                    GROUP BY start ORDER BY start
                    """,
                arguments: [resolution.seconds, before]
            )
            var last: Int64?
            for row in rows {
                guard excess > 0 else { break }
                excess -= row["bytes"] as Int
                last = row["start"]
            }
            guard let last else { continue }
            try database.execute(
                sql: "DELETE FROM metric_bucket WHERE seconds = ? AND start <= ?",
                arguments: [resolution.seconds, last]
            )
        }
    }
}
