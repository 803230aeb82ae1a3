import EventStore
import EventStoreTesting
import Testing

@Suite("The contract of the log")
struct ContractTests {
    @Test("The log on disk keeps the contract", arguments: LogContract.rules)
    func onDisk(rule: LogContract.Rule) async throws {
        let folder = try TemporaryFolder()
        try await rule.check { clock in
            try LMDBEventLog.create(
                at: LogFolders(data: folder.path),
                clock: clock,
                timeZone: "Asia/Seoul"
            )
        }
    }

    @Test("The log in memory keeps the contract", arguments: LogContract.rules)
    func inMemory(rule: LogContract.Rule) async throws {
        try await rule.check { clock in try InMemoryEventLog(clock: clock) }
    }
}
