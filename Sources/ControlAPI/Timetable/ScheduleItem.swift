package import CanonicalJSON
package import Foundation
package import ReadModels
package import RoutingDomain

/// A work of the timetable as people see it: when, what came of it last, when again.
package struct ScheduleItem: Sendable {
    package let name: String
    /// What it does, as a sentence.
    package let summary: String
    /// The words of its setting; `off`, or for the ends of temporary changes that it follows them.
    package let when: String
    /// Why it is not done; nil where it is.
    package let offReason: String?
    package let nextAt: Timestamp?
    package let last: ScheduleRow?

    /// The timetable: what is planned, and what became of it.
    ///
    /// The ends of temporary changes stand in it too: the service ends them to the second, and each is an event of its own.
    package static func all(
        _ plan: SchedulePlan,
        _ rows: [ScheduleRow],
        temporary: [TemporaryChangeRow],
        now: Timestamp,
        zone: TimeZone
    ) -> [ScheduleItem] {
        let works = plan.entries.map { entry in
            ScheduleItem(
                name: entry.work.rawValue,
                summary: entry.work.summary,
                when: entry.occurrence?.description ?? "off",
                offReason: entry.offReason,
                nextAt: entry.occurrence?.next(after: now, in: zone),
                last: rows.first { $0.name == entry.work.rawValue }
            )
        }
        let ends = ScheduleItem(
            name: "temporary-changes",
            summary: "changes of settings that hold for a time are taken back.",
            when: "at their end",
            offReason: nil,
            nextAt: temporary.first.flatMap { Timestamp($0.expiresAt) },
            last: nil
        )
        return works + [ends]
    }

    /// The item for programs.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(name), "summary": .string(summary), "when": .string(when),
        ]
        members["off_reason"] = offReason.map { .string($0) }
        members["next_at"] = nextAt.map { .string($0.description) }
        members["last"] = last?.json
        return .object(members)
    }
}
