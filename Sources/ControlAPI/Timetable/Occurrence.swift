package import Foundation
package import RoutingDomain

/// When a work is to be done, in the plant's time zone.
///
/// `daily 02:30`, `weekly mon 04:00`, `monthly 1 03:30` or `every 6h`. A time that the clock of a zone leaves out when it is put forward
/// comes as much later; one that it shows twice counts the first time.
package struct Occurrence: Sendable, Equatable, CustomStringConvertible {
    private enum Rule: Sendable, Equatable {
        /// Days that count, and the minute of the day.
        case daily(minute: Int)
        /// 0 is Sunday.
        case weekly(day: Int, minute: Int)
        /// 1 to 28, so that every month has it.
        case monthly(day: Int, minute: Int)
        /// Since 1970, in microseconds.
        case every(Int64)
    }

    /// The words as they were given.
    package let description: String
    private let rule: Rule

    private static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    /// Reads the words; nil for any others.
    package init?(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        switch (words.first, words.count) {
        case ("daily", 2):
            guard let minute = Self.minute(words[1]) else { return nil }
            rule = .daily(minute: minute)
        case ("weekly", 3):
            guard let day = Self.days.firstIndex(of: words[1]), let minute = Self.minute(words[2]) else { return nil }
            rule = .weekly(day: day, minute: minute)
        case ("monthly", 3):
            guard let day = Int(words[1]), 1...28 ~= day, let minute = Self.minute(words[2]) else { return nil }
            rule = .monthly(day: day, minute: minute)
        case ("every", 2):
            guard let seconds = Self.seconds(words[1]) else { return nil }
            rule = .every(Int64(seconds) * 1_000_000)
        default: return nil
        }
        description = words.joined(separator: " ")
    }

    private static func minute(_ text: String) -> Int? {
        guard let match = text.wholeMatch(of: /(\d{2}):(\d{2})/), let hour = Int(match.output.1), hour < 24,
            let minute = Int(match.output.2), minute < 60
        else { return nil }
        return hour * 60 + minute
    }

    private static func seconds(_ text: String) -> Int? {
        guard let unit = text.last, let factor = ["m": 60, "h": 3_600][unit], let count = Int(text.dropLast()),
            1...168 ~= count
        else { return nil }
        return count * factor
    }

    /// The newest time that has come.
    package func latest(by now: Timestamp, in zone: TimeZone) -> Timestamp {
        if case .every(let span) = rule {
            return Timestamp(microseconds: now.microseconds - Self.modulo(now.microseconds, span))
        }
        let day = Self.day(of: now.microseconds, in: zone)
        // A month and a week back in any case, and a day ahead for zones whose date is another by then.
        for day in stride(from: day + 1, to: day - 40, by: -1) {
            if let instant = instant(on: day, in: zone), instant <= now.microseconds {
                return Timestamp(microseconds: instant)
            }
        }
        preconditionFailure("every rule has a time within forty days")
    }

    /// The first time after an instant.
    package func next(after now: Timestamp, in zone: TimeZone) -> Timestamp {
        if case .every(let span) = rule {
            return Timestamp(microseconds: now.microseconds - Self.modulo(now.microseconds, span) + span)
        }
        let day = Self.day(of: now.microseconds, in: zone)
        for day in (day - 1)...(day + 40) {
            if let instant = instant(on: day, in: zone), instant > now.microseconds {
                return Timestamp(microseconds: instant)
            }
        }
        preconditionFailure("every rule has a time within forty days")
    }

    /// The time on a day, counted from 1970-01-01; nil where the rule has none on it.
    private func instant(on day: Int64, in zone: TimeZone) -> Int64? {
        switch rule {
        case .daily(let minute): Self.instant(day, minute, zone)
        case .weekly(let wanted, let minute):
            // 1970-01-01 was a Thursday.
            Self.modulo(day + 4, 7) == Int64(wanted) ? Self.instant(day, minute, zone) : nil
        case .monthly(let wanted, let minute):
            CivilTime.date(ofDay: day).day == wanted ? Self.instant(day, minute, zone) : nil
        case .every: nil
        }
    }

    private static func instant(_ day: Int64, _ minute: Int, _ zone: TimeZone) -> Int64 {
        let wall = day * microsecondsPerDay + Int64(minute) * 60_000_000
        let (before, after) = (offset(wall - microsecondsPerDay, zone), offset(wall + microsecondsPerDay, zone))
        // With the offset of the day before it is the first of two, or as much later as the clock was put forward.
        let first = wall - before
        if offset(first, zone) == before { return first }
        let second = wall - after
        return offset(second, zone) == after ? second : first
    }

    private static func offset(_ instant: Int64, _ zone: TimeZone) -> Int64 {
        let date = Date(timeIntervalSince1970: Double(instant / 1_000_000))
        return Int64(zone.secondsFromGMT(for: date)) * 1_000_000
    }

    private static func day(of instant: Int64, in zone: TimeZone) -> Int64 {
        let wall = instant + offset(instant, zone)
        return (wall - modulo(wall, microsecondsPerDay)) / microsecondsPerDay
    }

    private static func modulo(_ number: Int64, _ divisor: Int64) -> Int64 {
        let rest = number % divisor
        return rest < 0 ? rest + divisor : rest
    }
}
