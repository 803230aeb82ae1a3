import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import GRDB
import ReadModels
import RoutingDomain
import Testing

@testable import Projecting

@Suite("Approvals, rules and changes as read models")
struct ChangesProjectionTests {
    private func patched(
        _ new: Int,
        _ kind: ConfigChangeKind = .patch,
        until end: String? = nil,
        reverts: Position? = nil,
        isEmergency: Bool = false
    ) -> ConfigPatched {
        ConfigPatched(
            config: .runtime,
            kind: kind,
            settingsVersion: 1,
            changes: [["field": "ef_search", "new": .integer(new), "old": 128]],
            expiresAt: end.flatMap { Timestamp($0) },
            revertsPosition: reverts.map { Int($0) },
            isEmergency: isEmergency,
            words: "ef_search 128 -> \(new)"
        )
    }

    /// The positions of the interesting events, by a word; `each` follows every single one.
    private func story(_ home: TestHome, each: Projector? = nil) async throws -> [String: Int] {
        var places: [String: Int] = [:]
        func note(
            _ word: String,
            _ event: any DomainEvent,
            on stream: String,
            auth: String = "session/http"
        ) async throws {
            let result = try await home.append([(stream, event)], reason: word, auth: auth)
            places[word] = Int(result.first)
            _ = try await each?.catchUp()
        }
        let (config, end) = ("config-runtime", "2027-01-01T00:00:00.000000Z")
        try await note(
            "rule",
            ApprovalRuleSet(action: .activation, isRequired: true, validHours: 24),
            on: "approval_rules"
        )
        try await note("kept", patched(200, until: end), on: config)
        let kept = ConfigKept(config: .runtime, keptPosition: places["kept"] ?? 0)
        try await note("keeping", kept, on: config)
        try await note("console", patched(210), on: config, auth: "local-uid/console")
        try await note("both", patched(220, until: end), on: config, auth: "local-uid/console")
        let undo = patched(210, .undo, reverts: places["both"].map { Position($0) }, isEmergency: true)
        try await note("undo", undo, on: config)
        try await note("temporary", patched(230, until: end), on: config)
        let back = ModelActivated(version: "a", previousVersion: "b", kind: .rollback, isEmergency: true)
        try await note("rollback", back, on: "activation")
        try await note("plain", ModelActivated(version: "b", previousVersion: "a", kind: .activation), on: "activation")
        for word in ["rollback", "both"] {
            let place = places[word] ?? 0
            let review = ChangeReviewed(reviewedPosition: place, reviewedStream: "any")
            try await note("review of \(word)", review, on: "change-\(place)")
        }
        return places
    }

    @Test("Each change stands under its kinds, open until a review or its own end, now and at every earlier moment")
    func changes() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        let places = try await story(home)
        let place = { @Sendable (word: String) in places[word] ?? -1 }
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            func rows(_ kind: Changes.Kind, isOpen: Bool? = nil) throws -> [Int] {
                try Changes.list(db, kinds: [kind], isOpen: isOpen).map(\.changePosition)
            }
            #expect(try rows(.rule, isOpen: true) == [place("rule")])
            #expect(try rows(.emergency) == [place("rollback"), place("undo")])
            #expect(try rows(.emergency, isOpen: true) == [place("undo")])
            #expect(try rows(.console) == [place("both"), place("console")])
            #expect(try rows(.console, isOpen: true) == [place("console")])
            #expect(try rows(.temporary) == [place("temporary"), place("both"), place("kept")])
            #expect(try rows(.temporary, isOpen: true) == [place("temporary")])
            #expect(try Changes.waitingForReview(db) == 3)
            let ends = try Changes.list(db, kinds: [.temporary], isOpen: false).map(\.closedHow)
            #expect(ends == ["undo", "kept"])
            let reviewed = try #require(try Changes.list(db, kinds: [.emergency]).first)
            #expect(reviewed.closedHow == "reviewed" && reviewed.closedPosition == place("review of rollback"))
            #expect(reviewed.closeReason == "review of rollback" && reviewed.stream == "activation")
            let page = try Changes.list(db, before: place("both"), limit: 2)
            #expect(page.map(\.changePosition) == [place("console"), place("kept")])
        }
        for moment in [place("rollback"), place("review of rollback")] {
            let past = try await projector.readModels(asOf: Position(moment))
            let open = try await past.reader.read {
                try Changes.list($0, kinds: [.emergency], isOpen: true).map(\.changePosition)
            }
            #expect(
                open == [place("rollback"), place("undo")].filter { $0 < moment },
                "as of \(moment)"
            )
        }
    }

    @Test("Followed event by event, the rows are those of a straight rebuild")
    func cuts() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        let projector = home.projector()
        _ = try await story(home, each: projector)
        #expect(try await projector.rebuild(dryRun: true).isEmpty)
        let cut = try await projector.digests()
        let straight = try TestHome(set: ProjectionSet.bundled(), log: home.log)
        _ = try await straight.projector().catchUp()
        #expect(try await straight.projector().digests() == cut)
    }

    @Test("Writes through the console are found by their own index, not by reading the whole trail")
    func plan() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        _ = try await story(home)
        _ = try await home.projector().catchUp()
        let plan = try home.rows(
            "EXPLAIN QUERY PLAN SELECT position FROM audit_trail WHERE substr(auth, -8) = '/console'"
        )
        #expect("\(plan)".contains("audit_trail_by_console"), "\(plan)")
    }

    @Test("An action's approval says what it is for, upon what, until when, and that it has served; a rule who set it")
    func approvals() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        let end = try #require(Timestamp("2027-01-01T00:00:00.000000Z"))
        let request = ApprovalRequested(
            approval: "a1",
            subject: "activation",
            statement: "please",
            action: .activation,
            target: "2025.09.29_1",
            basis: "activation@4",
            expiresAt: end
        )
        try await home.append([("approval-a1", request)])
        try await home.append([("approval-a1", ApprovalGranted(approval: "a1", subject: "activation"))])
        let used = try await home.append([
            ("activation", ModelActivated(version: "2025.09.29_1", kind: .activation)),
            ("approval-a1", ApprovalUsed(approval: "a1", action: .activation)),
        ])
        for hours in [24, 48] {
            let rule = ApprovalRuleSet(action: .erasure, isRequired: hours == 24, validHours: hours)
            try await home.append([("approval_rules", rule)], reason: "\(hours)")
        }
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            let row = try #require(try Approvals.show(db, "a1"))
            #expect(row.status == "granted" && row.usedPosition == Int(used.first) + 1)
            #expect(row.action == "activation" && row.target == "2025.09.29_1" && row.basis == "activation@4")
            #expect(row.expiresAt == end.description && row.json["used_at"] != nil)
            let rules = try Approvals.rules(db)
            #expect(rules.map(\.action) == ["erasure"])
            #expect(rules.first?.isRequired == false && rules.first?.validHours == 48 && rules.first?.reason == "48")
        }
        let before = try await projector.readModels(asOf: used.first)
        let status = try await before.reader.read { try Approvals.show($0, "a1")?.usedPosition }
        #expect(status == nil)
    }
}
