import CanonicalJSON
import GRDB
import RegistryFixture
import RoutingDomain
import Testing

@testable import ReadModels

@Suite("The overview and the differences")
struct OverviewTests {
    @Test("An empty registry has an overview too")
    func empty() throws {
        let registry = try RegistryFixture()
        let overview = try registry.queue.read { db in try Overview.fetch(db) }
        #expect(overview.active == nil && overview.recent.isEmpty && overview.checkpoint == nil)
        #expect(overview.json["open_tasks"] == 0)
    }

    @Test("The overview says what is active, what changed last, what waits and what ends")
    func story() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        let overview = try registry.queue.read { db in try Overview.fetch(db) }
        #expect(overview.active?.activationReason == "worse")
        #expect(overview.configs.first?.lastChange?.words == "ef_search 128 -> 256")
        #expect(overview.recent.count == 5 && overview.recent.first?.kind == "snapshot")
        #expect(overview.waitingApprovals.map(\.approval) == ["a2"])
        #expect(overview.temporaryChanges.map(\.config) == ["trainer"])
        #expect(overview.openTasks == HostileText.all.count)
        #expect(overview.json["active"]?["version"]?.text == "2025.09.15_1")
        #expect(overview.json["temporary_changes"]?.elements?.first?["fields"] == ["feature_weights"])
    }

    @Test("The counts of logbook, task list and log agree")
    func counts() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        try registry.queue.read { db in
            let fromLogbook = try Logbook.openTasks(db)
            let fromTasks = try Tasks.count(db, status: "open")
            var filter = AuditFilter()
            filter.type = "task.opened"
            let opened = try Audit.count(db, filter)
            filter.type = "task.closed"
            #expect(fromLogbook == fromTasks)
            let closed = try Audit.count(db, filter)
            #expect(fromTasks == opened - closed)
            let sprint = try #require(try Sprints.show(db, "w0"))
            let open = try Tasks.count(db, status: "open", sprint: "w0")
            #expect(sprint.outstanding == open)
            #expect(sprint.outstandingAtClose == 6)
        }
    }

    @Test("Waiting approvals come first, and a decision says who and what it means")
    func approvals() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        let rows = try registry.queue.read { db in try Approvals.list(db) }
        #expect(rows.map(\.approval) == ["a2", "a1"])
        #expect(rows.last?.decidedBy == RegistryFixture.bob && rows.last?.meaning == "approved")
    }

    @Test("The days of the logbook are found by leaps and by position alike")
    func days() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        try registry.queue.read { db in
            let leaps = try Logbook.days(db)
            let all = try Logbook.days(db, from: 0)
            #expect(leaps == all)
            #expect(leaps.count == 2)
            #expect(try Logbook.days(db, from: registry.checkpoint - 1) == leaps.suffix(1))
        }
    }

    @Test("A moment does not differ from itself, and from another by what happened between")
    func difference() throws {
        let before = try RegistryFixture()
        try before.initialise()
        try before.register("2025.09.15", 1)
        let after = try RegistryFixture()
        try after.initialise()
        try after.register("2025.09.15", 1)
        let bounds = (old: before.checkpoint, new: after.checkpoint + 2)
        let same = try before.queue.read { db in
            try ReadModelDiff.between(Moment(db: db, checkpoint: bounds.old), Moment(db: db, checkpoint: bounds.old))
        }
        #expect(same.isEmpty)
        try after.append(ModelActivated(version: "2025.09.15_1", kind: .activation), on: "activation", reason: "go")
        try after.patch(.runtime, [FieldChange(field: "ef_search", old: 128, new: 64)])
        let diff = try before.queue.read { old in
            try after.queue.read { new in
                try ReadModelDiff.between(
                    Moment(db: old, checkpoint: bounds.old),
                    Moment(db: new, checkpoint: bounds.new)
                )
            }
        }
        #expect(diff.rows.map(\.readModel) == ["model_registry", "runtime_config"])
        #expect(diff.rows.last?.changes == [ValueChange(field: "value", old: 128, new: 64)])
        #expect(
            diff.journals.map(\.readModel) == ["activation_history", "config_history", "audit_trail", "sprint_logbook"]
        )
        #expect(diff.json["rows"]?.elements?.count == 2)
    }

    @Test("Rows print as JSON with the names of the columns, and nested documents as documents")
    func json() throws {
        let registry = try RegistryFixture()
        try registry.tellStory()
        try registry.queue.read { db in
            let model = try #require(try Models.show(db, version: "2025.09.29_1"))
            #expect(model.json["facts"]?["embedding"]?["dimension"] == 128)
            #expect(model.json["active_flag"] == 0)
            #expect(model.json["source_name"] == nil)
            #expect(try Activations.history(db).first?.json["previous_version"] == "2025.09.29_1")
        }
    }
}
