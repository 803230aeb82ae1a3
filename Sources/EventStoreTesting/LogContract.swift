public import EventStore
internal import Foundation

/// The rules that every ``EventLog`` keeps, as checks that a test target runs on its own log.
///
/// ```swift
/// @Test("The log keeps the contract", arguments: LogContract.rules)
/// func contract(rule: LogContract.Rule) async throws {
///     try await rule.check { clock in try MyLog(clock: clock) }
/// }
/// ```
public enum LogContract {
    /// Makes an empty log (holding only `log.created`) that takes its time from a clock.
    public typealias MakeLog = @Sendable (FixedClock) async throws -> any EventLog

    /// One rule: a sentence, and the check that it holds.
    public struct Rule: Sendable, CustomStringConvertible {
        /// The rule in one sentence.
        public let description: String
        private let body: @Sendable (any EventLog, FixedClock) async throws -> Void

        init(_ sentence: String, _ body: @escaping @Sendable (any EventLog, FixedClock) async throws -> Void) {
            description = sentence
            self.body = body
        }

        /// Checks the rule on a log of its own, which is closed afterwards; throws ``ContractViolation`` when it is broken.
        public func check(_ makeLog: MakeLog) async throws {
            let clock = FixedClock()
            let log = try await makeLog(clock)
            do {
                try await body(log, clock)
            } catch {
                await log.close()
                throw error
            }
            await log.close()
        }
    }

    /// All rules.
    public static let rules: [Rule] = appending + conditions + repetition + reading + time
}

/// A rule of the contract that a log broke.
public struct ContractViolation: Error, CustomStringConvertible {
    /// What was expected, and what was found.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Throws a violation unless a condition holds.
func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
    guard condition else { throw ContractViolation(sentence()) }
}

/// Runs something that must fail with a code, and returns its error.
@discardableResult
func expectError(
    _ code: EventStoreError.Code,
    _ body: () async throws(EventStoreError) -> some Any
) async throws -> EventStoreError {
    do {
        let result = try await body()
        throw ContractViolation("expected \(code), but it succeeded with \(result)")
    } catch let error as EventStoreError {
        try expect(error.code == code, "expected \(code), not \(error.code): \(error)")
        return error
    }
}

extension AppendRequest {
    /// A request for tests: some events of one stream, by a fixed actor.
    public static func test(
        _ stream: String,
        _ payloads: [String] = [#"{"n":1}"#],
        type: String = "test.happened",
        expected: ExpectedVersion? = nil,
        key: String? = nil
    ) -> AppendRequest {
        guard let name = StreamName(stream) else { preconditionFailure("\(stream) is not a stream name") }
        return AppendRequest(
            actor: UUID(uuid: (0xac, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1)),
            metadata: EventMetadata(auth: "local-uid/cli"),
            events: payloads.map { ProposedEvent(stream: name, type: type, data: Array($0.utf8)) },
            expected: expected.map { [name: $0] } ?? [:],
            idempotencyKey: key.map { IdempotencyKey(text: $0, commandDigest: [UInt8](repeating: 7, count: 32)) }
        )
    }
}

extension EventLog {
    /// Every event of the log, read page by page; for tests, as it holds them all.
    public func allEvents(pageSize: Int = 100) throws -> [RecordedEvent] {
        var events: [RecordedEvent] = []
        while true {
            let page = try page(from: Position(events.count), limit: pageSize)
            if page.events.isEmpty { return events }
            events += page.events
        }
    }
}
