import GRDB
import RegistryFixture
import RoutingDomain
import Testing

@testable import ReadModels

@Suite("The audit trail")
struct AuditTests {
    @Test("Pages in both directions hold every event once")
    func pages() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        try registry.queue.read { db in
            for newestFirst in [true, false] {
                var positions: [Int] = []
                var after: Int?
                repeat {
                    let page = try Audit.page(db, newestFirst: newestFirst, after: after, limit: 7)
                    positions += page.rows.map(\.position)
                    after = page.next
                } while after != nil
                let all = Array(0..<registry.checkpoint)
                #expect(positions == (newestFirst ? all.reversed() : all))
            }
        }
    }

    @Test("Every filter keeps exactly the events it names")
    func filters() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        let all = try registry.queue.read { db in try Audit.page(db, newestFirst: false, limit: 1000).rows }
        func check(_ change: (inout AuditFilter) -> Void, _ keeps: (AuditRow) -> Bool) throws {
            var made = AuditFilter()
            change(&made)
            let filter = made
            let expected = all.filter(keeps)
            let (found, count) = try registry.queue.read { db in
                let page = try Audit.page(db, filter, newestFirst: false, limit: 1000)
                return (page.rows, try Audit.count(db, filter))
            }
            #expect(found == expected && !expected.isEmpty && expected.count < all.count)
            #expect(count == expected.count)
        }
        try check({ $0.type = "model.activated" }, { $0.type == "model.activated" })
        try check({ $0.actor = RegistryFixture.bob }, { $0.actor == RegistryFixture.bob })
        try check({ $0.correlation = "command-3" }, { $0.command == "command-3" })
        try check({ $0.category = "config" }, { $0.stream.hasPrefix("config-") })
        try check({ $0.object = "w0" }, { $0.object == "w0" })
        try check({ $0.words = "BETTER" }, { $0.reason == "better" })
        let middle = all[all.count / 2]
        try check({ $0.since = middle.recordedAt }, { $0.recordedAt >= middle.recordedAt })
        try check({ $0.until = middle.recordedAt }, { $0.recordedAt <= middle.recordedAt })
        try check({ $0.from = 5 }, { $0.position >= 5 })
        try check({ $0.before = 5 }, { $0.position < 5 })
    }

    @Test("A filter never sorts: each pages through its own index")
    func plans() throws {
        let registry = try RegistryFixture()
        try registry.queue.read { db in
            for column in ["type", "actor", "correlation", "category", "object"] {
                let details = try Row.fetchAll(
                    db,
                    sql: """
                        EXPLAIN QUERY PLAN SELECT * FROM audit_trail WHERE \(column) = 'x' AND position < 9
                        ORDER BY position DESC LIMIT 10
                        """
                ).map { row -> String in row["detail"] }
                #expect(
                    details.count == 1 && details.first?.contains("USING INDEX audit_trail_by_") == true,
                    "\(details)"
                )
            }
        }
    }
}
