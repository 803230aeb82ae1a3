import EventStore
import EventStoreTesting
import GRDB
import ReadModels
import RoutingDomain
import Testing

@testable import Projecting

@Suite("The timetable as a read model")
struct ScheduleProjectionTests {
    private func run(_ name: String, _ day: Int, _ outcome: ScheduleOutcome, isMadeUp: Bool = false) throws
        -> ScheduleRunFinished
    {
        ScheduleRunFinished(
            name: name,
            plannedAt: try #require(Timestamp("2026-03-0\(day)T17:30:00.000000Z")),
            startedAt: try #require(Timestamp("2026-03-0\(day)T17:30:01.000000Z")),
            outcome: outcome,
            detail: "run of day \(day)",
            isMadeUp: isMadeUp,
            durationMs: day
        )
    }

    @Test("It says of each work when it was done last and what came of it, now and as it was")
    func rows() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        for (name, day, outcome) in [("backup", 1, ScheduleOutcome.failed), ("self-check", 1, .done)] {
            try await home.append([(ScheduleState.stream(name), try run(name, day, outcome))])
        }
        let before = try home.log.head().size
        try await home.append([(ScheduleState.stream("backup"), try run("backup", 3, .done, isMadeUp: true))])
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            let rows = try Schedule.list(db)
            #expect(rows.map(\.name) == ["backup", "self-check"] && rows.map(\.runs) == [2, 1])
            #expect(rows.map(\.outcome) == ["done", "done"] && rows.map(\.isMadeUp) == [true, false])
            #expect(rows.first?.detail == "run of day 3" && rows.first?.durationMs == 3 && rows.first?.job == nil)
        }
        let then = try await projector.readModels(asOf: before)
        try await then.reader.read { db in
            let row = try Schedule.list(db).first
            #expect(row?.outcome == "failed" && row?.runs == 1)
        }
        #expect(try await projector.compareBeside().differing.isEmpty)
    }

    @Test(
        "What has outlived its years is counted: persons who did nothing since, not those who were erased, and exports"
    )
    func outlived() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        let event = TaskOpened(task: "t1", title: "a title")
        try await home.append([(TaskState.stream("t1"), event)])
        let projector = home.projector()
        _ = try await projector.catchUp()
        let models = try await projector.readModels(asOf: try home.log.head().size)
        try await models.reader.read { db in
            func count(_ instant: String) throws -> Outlived {
                try Outlived.count(db, personsBefore: instant, exportsBefore: instant, system: CommandContext.system)
            }
            let (early, late) = try (count("2000-01-01T00:00:00.000000Z"), count("2999-01-01T00:00:00.000000Z"))
            #expect(early == Outlived(persons: 0, exports: 0))
            #expect(late == Outlived(persons: 1, exports: 0), "system is nobody")
        }
    }
}
