import CanonicalJSON
import EventStore
import EventStoreTesting
import GRDB
import ReadModels
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Saved routings as a read model")
struct RoutingProjectionTests {
    private static let id = "22222222-2222-4222-8222-222222222222"

    private func saved(_ revision: Int, _ minutes: [String?], title: String? = nil) -> RoutingSaved {
        let operations = minutes.enumerated().map { place, minutes in
            var members: [String: JSONValue] = ["operation": "X", "sequence": .integer(place + 1)]
            members["run_minutes"] = minutes.map { .string($0) }
            members["setup_minutes"] = "10.000"
            return JSONValue.object(members)
        }
        return RoutingSaved(
            routing: Self.id,
            revision: revision,
            item: "A-100",
            source: .edited,
            title: title,
            content: ["operations": .array(operations)]
        )
    }

    @Test("It has the newest revision, exact sums, every save, and all of it as it was")
    func rows() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        let stream = RoutingState.stream(Self.id)
        try await home.append([(stream, saved(1, ["0.001", "0.099", nil], title: "first"))], reason: "as it runs")
        let before = try home.log.head().size
        try await home.append([(stream, saved(2, ["999999.999", "0.002"]))], reason: "faster")
        let withdrawn = RoutingWithdrawn(routing: Self.id, revision: 2, item: "A-100")
        try await home.append([(stream, withdrawn)], reason: "obsolete")
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            let row = try #require(try Routings.find(db, "2222"))
            #expect(row.status == "withdrawn" && row.revision == 2 && row.streamVersion == 3)
            #expect(row.runMinutes == "1000000.001" && row.setupMinutes == "20.000" && row.title == nil)
            #expect(row.reason == "faster" && row.withdrawalReason == "obsolete" && row.operations.elements?.count == 2)
            let revisions = try Routings.revisions(db, of: Self.id)
            #expect(
                revisions.rows.map(\.revision) == [1, 2] && revisions.rows.map(\.reason) == ["as it runs", "faster"]
            )
            #expect(revisions.rows.first?.runMinutes == "0.100" && revisions.rows.first?.setupMinutes == "30.000")
            #expect(try Routings.revisions(db, of: Self.id, limit: 1).next == 1)
            #expect(try Routings.page(db, item: "A-100", status: "withdrawn").rows.count == 1)
            #expect(try Routings.page(db, item: "A-10").rows.isEmpty && Routings.find(db, "3") == nil)
        }
        let then = try await projector.readModels(asOf: before)
        try await then.reader.read { db in
            let row = try #require(try Routings.find(db, Self.id))
            #expect(row.revision == 1 && row.status == "saved" && row.title == "first" && row.runMinutes == "0.100")
            #expect(try Routings.revisions(db, of: Self.id).rows.count == 1)
        }
        #expect(try await projector.compareBeside().differing.isEmpty)
    }
}
