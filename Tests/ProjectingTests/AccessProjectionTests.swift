import EventStore
import EventStoreTesting
import Foundation
import GRDB
import ReadModels
import RoutingDomain
import Testing

@testable import Projecting

@Suite("People, sessions and keys as read models")
struct AccessProjectionTests {
    private let kim = "22222222-2222-4222-8222-222222222222"
    private let lee = "33333333-3333-4333-8333-333333333333"
    private let service = "44444444-4444-4444-8444-444444444444"
    private let end = Timestamp(microseconds: 1_900_000_000_000_000)

    private func session(_ number: Int) -> String { "55555555-5555-4555-8555-55555555555\(number)" }

    private func story(_ home: TestHome) async throws {
        let directory = "user-directory"
        for user in [kim, lee] { try await home.append([("user-\(user)", UserSignedUp(userId: user))]) }
        try await home.append([
            ("user-\(kim)", PersonAdded(subject: kim, origin: .named)),
            (directory, UserApproved(userId: kim, role: .operator)),
        ])
        try await home.append([("user-\(lee)", UserRejected(userId: lee))], reason: "nobody knows them")
        for number in 1...3 {
            let event = SessionStarted(sessionId: session(number), userId: kim, expiresAt: end)
            try await home.append([("sessions-\(kim)", event)])
        }
        let ended = SessionEnded(sessionId: session(1), userId: kim, cause: .displaced)
        try await home.append([("sessions-\(kim)", ended)])
        try await home.append([("user-\(kim)", UserPasswordChanged(userId: kim, cause: .own))])
        try await home.append([("user-\(kim)", UserLockedOut(userId: kim))])
        try await home.append([
            (directory, UserRoleChanged(userId: kim, role: .approver, previousRole: .operator)),
            (directory, UserDisabled(userId: kim)),
            ("sessions-\(kim)", SessionRevoked(sessionId: session(2), userId: kim)),
        ])
        let (first, second) = (session(7), session(8))
        try await home.append([
            ("service-directory", ServiceAccountCreated(account: service, name: "line-3")),
            (
                "service-directory",
                ServiceKeyIssued(keyId: first, account: service, scope: "read", expiresAt: end)
            ),
            (
                "service-directory",
                ServiceKeyIssued(
                    keyId: second,
                    account: service,
                    scope: "read,train",
                    expiresAt: end,
                    predecessor: first,
                    predecessorEndsAt: Timestamp(microseconds: 1_800_000_000_000_000)
                )
            ),
        ])
        try await home.append([("service-directory", ServiceKeyRevoked(keyId: second, account: service))])
    }

    @Test("They say who may do what now, page by page, and what it was before")
    func rows() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        try await story(home)
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            let first = try Users.page(db, limit: 1)
            #expect(first.rows.map(\.userId) == [kim] && first.next != nil)
            let user = try #require(first.rows.first)
            #expect(user.status == "disabled" && user.role == "approver")
            #expect(user.passwordChangedAt != nil && user.lockedOutAt != nil)
            let second = try Users.page(db, after: first.next, limit: 1)
            #expect(second.rows.map(\.status) == ["rejected"] && second.next == nil)
            #expect(second.rows.first?.reason == "nobody knows them")
            #expect(try Users.page(db, status: "active").rows.isEmpty)
            #expect(
                try Sessions.page(db, user: kim, at: "2026-01-01T00:00:00.000000Z").rows.map(\.sessionId) == [
                    session(3)
                ]
            )
            #expect(try Sessions.page(db, at: end.description).rows.isEmpty)
            #expect(try ServiceKeys.accounts(db).rows.map(\.name) == ["line-3"])
            let keys = try ServiceKeys.page(db, account: service).rows
            #expect(keys.map(\.status) == ["in force", "revoked"])
            #expect(keys.first?.expiresAt == "2027-01-15T08:00:00.000000Z")
            #expect(keys.last?.predecessor == keys.first?.keyId)
        }
        let rejected = try #require(
            try home.log.page(from: 0, limit: 10_000).events.first { $0.type == UserRejected.about.type }
        )
        let before = try await projector.readModels(asOf: rejected.position)
        try await before.reader.read { db in
            let (member, waiting) = (try Users.show(db, kim), try Users.show(db, lee))
            #expect(member?.role == "operator" && waiting?.status == "pending")
            #expect(try Sessions.page(db, at: "2026-01-01T00:00:00.000000Z").rows.isEmpty)
        }
    }

    @Test("An erased user stays as a pseudonym without a session")
    func erased() async throws {
        let home = try TestHome(set: ProjectionSet.bundled())
        try await story(home)
        try await home.append([("user-directory", PersonErased(subject: kim, scope: .identity, basis: "GDPR 17"))])
        let projector = home.projector()
        _ = try await projector.catchUp()
        let now = try await projector.readModels(asOf: try home.log.head().size)
        try await now.reader.read { db in
            let user = try Users.show(db, kim)
            #expect(user?.status == "erased")
            #expect(try Sessions.page(db, user: kim, at: "2026-01-01T00:00:00.000000Z").rows.isEmpty)
        }
    }
}
