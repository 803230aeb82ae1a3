package import EventStore
package import Foundation
internal import RoutingDomain

/// A moment as an operator names it: a position, a time, a snapshot, or now.
package struct MomentReader: Sendable {
    private let handler: CommandHandler
    private var log: any EventLog { handler.log }
    /// The plant's time zone, in which a time without an offset is read.
    package let timeZone: TimeZone

    /// A reader of moments of the handler's log, in the plant's time zone of now.
    package init(_ handler: CommandHandler) throws {
        self.handler = handler
        let state = try handler.state(for: SetTimeZone(timeZone: ""))
        timeZone = TimeZone(identifier: state.timeZone) ?? .gmt
    }

    /// The checkpoint just after what the text names: events before it belong to the moment.
    ///
    /// `412` is just after the command of position 412; a time is the end of what had been recorded by then; a name is a
    /// snapshot's. Throws ``RoutingDomain/Rejection`` for anything else.
    package func checkpoint(_ text: String) throws -> Position {
        if text == "now" { return try log.head().size }
        if let position = Position(text) { return try checkpoint(after: position) }
        if let instant = Self.instant(text, in: timeZone) { return try log.position(after: instant) }
        let state = try handler.state(for: CreateSnapshot(snapshot: text, checkpoint: 0))
        guard let checkpoint = state.checkpoints[text] else {
            throw Rejection(
                "moment",
                .invalid,
                "\"\(text.prefix(80))\" is no position, time or snapshot",
                hint: "for example 412, 2026-03-01T14:00, 2026-03-01T05:00:00Z or a name of `daybook snapshot list`",
                field: "at"
            )
        }
        return Position(checkpoint)
    }

    /// The first position of a range that begins at what the text names.
    ///
    /// A position is itself; a time is the first event recorded at it or later, and a date is the start of that day in the
    /// plant's zone; a snapshot's name is its checkpoint. Throws ``RoutingDomain/Rejection`` for anything else.
    package func start(_ text: String) throws -> Position {
        if let position = Position(text) { return position }
        guard let instant = Self.instant(text, in: timeZone, dateIsEnd: false) else { return try checkpoint(text) }
        return try log.position(after: instant - 1)
    }

    private func checkpoint(after position: Position) throws -> Position {
        let head = try log.head().size
        guard position < head else {
            throw Rejection(
                "moment",
                .invalid,
                "position \(position) is not in the log yet",
                hint: "the log holds positions 0 to \(head - 1)",
                field: "at"
            )
        }
        return try log.page(from: position, limit: 1).next
    }

    /// Microseconds of `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM[:SS[.ffffff]]`, with `Z`, `+HH:MM` or none; a date is its end, or its start.
    package static func instant(_ text: String, in zone: TimeZone, dateIsEnd: Bool = true) -> Microseconds? {
        guard let match = text.wholeMatch(of: pattern) else { return nil }
        let date = "\(match.output.1)"
        guard let time = match.output.2 else {
            guard let start = Timestamp("\(date)T00:00:00.000000Z") else { return nil }
            return dateIsEnd
                ? local(start.microseconds + 86_400_000_000, zone) - 1 : local(start.microseconds, zone)
        }
        let seconds = match.output.3.map { String($0) } ?? ":00"
        let fraction = (match.output.4.map { String($0.dropFirst()) } ?? "").padding(
            toLength: 6,
            withPad: "0",
            startingAt: 0
        )
        guard let stated = Timestamp("\(date)T\(time)\(seconds).\(fraction)Z") else { return nil }
        switch match.output.5 {
        case nil: return local(stated.microseconds, zone)
        case "Z": return stated.microseconds
        case .some(let offset):
            let hours = Int(offset.dropFirst().prefix(2)) ?? 0
            let minutes = Int(offset.suffix(2)) ?? 0
            guard hours <= 18, minutes < 60 else { return nil }
            let sign: Int64 = offset.hasPrefix("-") ? -1 : 1
            return stated.microseconds - sign * Int64(hours * 3600 + minutes * 60) * 1_000_000
        }
    }

    private static var pattern: Regex<(Substring, Substring, Substring?, Substring?, Substring?, Substring?)> {
        /(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?)?/
    }

    /// The instant at which the zone's wall shows what the number would show in UTC.
    private static func local(_ wall: Int64, _ zone: TimeZone) -> Microseconds {
        let guess = Date(timeIntervalSince1970: Double(wall) / 1_000_000)
        let first = wall - Int64(zone.secondsFromGMT(for: guess)) * 1_000_000
        let second = Date(timeIntervalSince1970: Double(first) / 1_000_000)
        return wall - Int64(zone.secondsFromGMT(for: second)) * 1_000_000
    }
}

/// A duration as an operator types it: `90s`, `30m`, `8h`, `2d`.
package enum DurationText {
    /// The seconds of a duration; nil for anything else.
    package static func seconds(_ text: String) -> Int? {
        guard let unit = text.last, let factor = ["s": 1, "m": 60, "h": 3600, "d": 86_400][unit],
            let number = Int(text.dropLast()), number > 0, number < 1_000_000
        else { return nil }
        return number * factor
    }
}
