import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@Suite("Which program writes to a log")
struct GuardedLogTests {
    private let log: InMemoryEventLog

    init() throws { log = try InMemoryEventLog() }

    private func guarded(_ version: String, further: [String: Int] = [:]) -> GuardedLog {
        let own = ProgramIdentity(version: version)
        let all = own.eventTypes.merging(further) { $1 }
        return GuardedLog(log, program: ProgramIdentity(version: version, eventTypes: all))
    }

    private func notes() throws -> [String] {
        try log.events(in: GuardedLog.stream).compactMap { try JSONReader.canonical($0.data)["version"]?.text }
    }

    @Test("A program notes itself once before its first append, and a newer one again")
    func notesItself() async throws {
        let first = guarded("0.2.0")
        _ = try await first.append(.test("s-1"))
        _ = try await first.append(.test("s-1"))
        _ = try await guarded("0.2.0").append(.test("s-1"))
        #expect(try notes() == ["0.2.0"])
        _ = try await guarded("0.10.0").append(.test("s-1"))
        #expect(try notes() == ["0.2.0", "0.10.0"])
        let noted = try #require(try GuardedLog.noted(in: log))
        #expect(noted.version == "0.10.0" && noted.eventTypes["program.upgraded"] == 1)
    }

    @Test("A program that lacks a type or a schema version reads and refuses to write, naming the version needed")
    func refuses() async throws {
        let old = guarded("0.2.0")
        _ = try await old.append(.test("s-1"))
        for (version, further) in [
            ("0.3.0", ["model.retired": 1]), ("0.4.0", ["model.retired": 1, "model.activated": 9]),
        ] {
            let newer = guarded(version, further: further)
            _ = try await newer.append(.test("s-1"))
            let size = try log.head().size
            let error = await #expect(throws: EventStoreError.self) { try await old.append(.test("s-1")) }
            #expect(error?.code == .unknownFormat)
            #expect(error?.message.contains("program 0.") == true, "\(String(describing: error))")
            #expect(try old.page(from: 0, limit: 10).head == size, "nothing was appended, and reading works")
        }
    }

    @Test("An older program that knows every type goes on writing, without a note")
    func olderWithEqualTypes() async throws {
        _ = try await guarded("0.3.0").append(.test("s-1"))
        _ = try await guarded("0.2.0").append(.test("s-1"))
        #expect(try notes() == ["0.3.0"])
    }

    @Test("Many at once note it once")
    func races() async throws {
        let log = log
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<20 {
                group.addTask {
                    let guarded = GuardedLog(log, program: ProgramIdentity(version: "0.2.0"))
                    _ = try await guarded.append(.test("s-\(number)"))
                }
            }
            try await group.waitForAll()
        }
        #expect(try notes() == ["0.2.0"])
    }
}
