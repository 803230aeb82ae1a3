import CanonicalJSON
import EventStore
import EventStoreTesting
import GRDB
import ReadModels
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Jobs as a read model")
struct JobProjectionTests {
    private func job(_ number: Int) -> String { "66666666-6666-4666-8666-66666666666\(number)" }

    private func append(_ home: TestHome, _ number: Int, _ event: any DomainEvent) async throws {
        try await home.append([(JobState.stream(job(number)), event)], reason: "a test")
    }

    @Test(
        "It says which works were asked for, where they stand and how they ended; a comparison beside finds what was edited"
    )
    func rows() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        for number in 1...4 {
            try await append(
                home,
                number,
                JobRequested(job: job(number), kind: .verify, parameters: ["log_only": true])
            )
        }
        for number in 2...4 { try await append(home, number, JobStarted(job: job(number))) }
        try await append(home, 3, JobCancelled(job: job(3)))
        let end = JobFinished(
            job: job(4),
            outcome: .failed,
            problem: "file",
            message: "full",
            result: ["a": 1],
            durationMs: 5
        )
        try await append(home, 4, end)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            let first = try Jobs.page(db, limit: 3)
            #expect(first.rows.map(\.status) == ["failed", "cancelled", "running"])
            #expect(try Jobs.page(db, after: first.next).rows.map(\.status) == ["queued"])
            let failed = try #require(first.rows.first)
            #expect(failed.problem == "file" && failed.result == ["a": 1] && failed.durationMs == 5)
            #expect(failed.parameters == ["log_only": true] && failed.reason == "a test")
            #expect(first.rows.dropFirst().first?.cancelReason == "a test")
            #expect(try Jobs.open(db).map(\.job) == [job(1), job(2)])
            #expect(try Jobs.page(db, status: "queued", kind: "verify").rows.count == 1)
            #expect(try Jobs.page(db, kind: "backup").rows.isEmpty)
        }
        let sound = try await projector.compareBeside()
        #expect(sound.differing.isEmpty && sound.omitted.isEmpty)
        try home.tamper("UPDATE jobs SET status = 'done' WHERE status = 'failed'")
        #expect(try await projector.compareBeside().differing == ["jobs"])
    }
}
