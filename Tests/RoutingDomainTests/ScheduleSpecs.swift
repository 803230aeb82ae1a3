import CanonicalJSON
import RoutingDomain
import Testing

@Suite("The timetable's runs")
struct ScheduleSpecs {
    private func run(_ day: Int) throws -> ScheduleRunFinished {
        let planned = try #require(Timestamp("2026-03-0\(day)T17:30:00.000000Z"))
        return ScheduleRunFinished(
            name: "backup",
            plannedAt: planned,
            startedAt: planned,
            outcome: .done,
            detail: "made",
            isMadeUp: false,
            durationMs: 1
        )
    }

    @Test("A run is recorded on the stream of its work, and once for the time for which it was planned")
    func records() throws {
        var scenario = Scenario(FinishScheduledRun.self)
        let decided = try #require(try scenario.when(FinishScheduledRun(try run(2))).first)
        #expect(decided.stream == "schedule-backup")
        #expect(try decided.event as? ScheduleRunFinished == run(2))
        scenario.given(try run(2))
        #expect(try scenario.when(FinishScheduledRun(try run(2))).isEmpty)
        #expect(try scenario.when(FinishScheduledRun(try run(1))).isEmpty, "an earlier one comes too late")
        #expect(try scenario.when(FinishScheduledRun(try run(3))).count == 1)
    }
}
