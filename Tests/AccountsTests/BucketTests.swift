import EventStoreTesting
import Foundation
import GRDB
import Observing
import Testing

@testable import Accounts

@Suite("Buckets in data/state.db")
struct BucketTests {
    private static let now: Int64 = 1_795_000_020

    private static func bucket(
        _ start: Int64,
        _ service: String = "control",
        instance: String = "",
        version: String = "2026.02.02_1",
        requests: UInt64 = 5,
        groups: [String] = ["models"],
        places: Int = 6
    ) -> MetricBucket {
        var bucket = MetricBucket(
            MetricBucket.Key(start: start, service: service, instance: instance, version: version)
        )
        for group in groups {
            var tally = RouteTally()
            tally.requests = requests
            for place in 0..<places { tally.latency.add(requests, at: (place * 7 + 20) % 82) }
            bucket.groups[group] = tally
        }
        return bucket
    }

    @Test("A minute that comes in two parts is the sum of them, and its hour that of its minutes, also after a restart")
    func parts() throws {
        let place = try PeoplePlace()
        let minute = BucketResolution.minute.start(of: Self.now)
        try place.open().add([Self.bucket(minute), Self.bucket(minute - 60)], now: Self.now)
        let people = try place.open()
        try people.add([Self.bucket(minute, requests: 7)], now: Self.now)
        try people.add([Self.bucket(minute, version: "2026.03.01_1", requests: 1)], now: Self.now)
        let minutes = try people.buckets(.minute, of: "control", from: 0, to: .max)
        #expect(minutes.map(\.whole.requests) == [5, 12, 1])
        let hours = try people.buckets(.hour, of: nil, from: 0, to: .max)
        #expect(hours.map(\.whole.requests).reduce(0, +) == 18)
        #expect(Set(hours.map(\.key.version)) == ["2026.02.02_1", "2026.03.01_1"])
    }

    @Test("A minute that is sent again takes the place of the first, those of other instances stay, and hours follow")
    func replaced() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        let minute = BucketResolution.minute.start(of: Self.now)
        for _ in 0..<3 {
            try people.replace(
                [
                    Self.bucket(minute, "inference", instance: "a", requests: 4),
                    Self.bucket(minute, "inference", instance: "b", requests: 2),
                ],
                now: Self.now
            )
        }
        #expect(try people.buckets(.hour, of: "inference", from: 0, to: .max).map(\.whole.requests) == [6])
        try people.replace([Self.bucket(minute, "inference", instance: "a", requests: 9)], now: Self.now)
        #expect(try people.buckets(.hour, of: "inference", from: 0, to: .max).map(\.whole.requests) == [11])
        #expect(try people.services() == ["inference"])
    }

    @Test("Minutes go after 8 days, hours after 400, and the sum of the hours stays right")
    func ages() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        let day: Int64 = 86_400
        for age in [401, 300, 9, 7, 0] as [Int64] {
            let then = Self.now - age * day
            try people.add([Self.bucket(BucketResolution.minute.start(of: then))], now: then)
        }
        try people.add([Self.bucket(BucketResolution.minute.start(of: Self.now))], now: Self.now)
        #expect(try people.buckets(.minute, of: nil, from: 0, to: .max).count == 2)
        #expect(try people.buckets(.hour, of: nil, from: 0, to: .max).map(\.whole.requests) == [5, 5, 5, 10])
    }

    @Test(
        "Four services of five groups for the whole time are below the bound; ten times as much is cut to it, the newest stay"
    )
    func bound() throws {
        let place = try PeoplePlace()
        defer { withExtendedLifetime(place) {} }
        let people = try place.open()
        let groups = ["models", "events", "config", "metrics", "auth"]
        let end = BucketResolution.hour.start(of: Self.now)
        func fill(_ services: [String], groups: [String], places: Int, minutes: Int64) throws {
            for block in stride(from: end - minutes * 60, to: end, by: 3_600) {
                let all = services.flatMap { service in
                    stride(from: block, to: block + 3_600, by: 60).map {
                        Self.bucket($0, service, groups: groups, places: places)
                    }
                }
                try people.replace(all, now: Self.now)
            }
        }
        // A day measured, and eight of minutes with 400 of hours told from it.
        try fill(["control", "inference", "training", "feed"], groups: groups, places: 6, minutes: 1_440)
        let (minuteBytes, hourBytes) = try people.bytesByResolution()
        let whole = minuteBytes * 8 + hourBytes * 400
        print(
            "four services: \(minuteBytes / 1_440 / 4) bytes a minute, \(hourBytes / 24 / 4) an hour, \(whole >> 20) MiB in all"
        )
        #expect(whole < People.mostBucketBytes)
        // More than a bound can hold: it is kept whatever comes.
        let many = (0..<8).map { "service-\($0)" }
        try fill(many, groups: groups + ["a", "b", "c"], places: 40, minutes: 8 * 60)
        try fill(many, groups: groups + ["a", "b", "c"], places: 80, minutes: 6 * 60)
        let bytes = try people.bucketBytes()
        #expect(bytes <= People.mostBucketBytes && bytes > People.mostBucketBytes / 8)
        let newest = try people.buckets(.minute, of: "service-0", from: end - 60, to: end)
        #expect(newest.count == 1)
    }

    @Test("A file of the form before gets the table of buckets, and keeps its people")
    func migrates() throws {
        let place = try PeoplePlace()
        let kim = try place.open().add(id: UUID(), name: "Kim", at: "2026-11-23T00:00:00.000000Z")
        let queue = try DatabaseQueue(path: place.path)
        try queue.write { try $0.execute(sql: "DROP TABLE metric_bucket; PRAGMA user_version = 3") }
        try queue.close()
        let people = try place.open()
        try people.add([Self.bucket(BucketResolution.minute.start(of: Self.now))], now: Self.now)
        #expect(try people.all() == [kim] && people.services() == ["control"])
    }

    @Test("Bytes of a form that this program does not know hide nothing of the others")
    func unknownForm() throws {
        let place = try PeoplePlace()
        let people = try place.open()
        let minute = BucketResolution.minute.start(of: Self.now)
        try people.add([Self.bucket(minute), Self.bucket(minute - 60)], now: Self.now)
        try DatabaseQueue(path: place.path).write {
            try $0.execute(
                sql: "UPDATE metric_bucket SET tallies = x'0907' WHERE start = ? AND seconds = 60",
                arguments: [minute]
            )
        }
        #expect(try people.buckets(.minute, of: nil, from: 0, to: .max).map(\.key.start) == [minute - 60])
    }
}

extension People {
    /// Bytes of the minutes and of the hours.
    fileprivate func bytesByResolution() throws -> (minutes: Int, hours: Int) {
        try reading { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT seconds, sum(length(tallies) + length(service) + length(instance) + length(version) + 16) AS bytes
                    FROM metric_bucket GROUP BY seconds ORDER BY seconds
                    """
            )
            return (rows.first?["bytes"] ?? 0, rows.last?["bytes"] ?? 0)
        }
    }
}
