import CLMDB
import EventStore
import EventStoreTesting
import Foundation
import Glibc

/// A process that works on a log, for the tests that need one of their own: to run beside the test, or to be killed.
///
/// `EventStoreTestWriter MODE LOG [ARGUMENT...]`; what it has to say stands on standard output, one line each.
@main
struct EventStoreTestWriter {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 2 else { exit(64) }
        let (mode, folder) = (arguments[0], arguments[1])
        let number = { (index: Int) in arguments.indices.contains(index) ? Int(arguments[index]) ?? 0 : 0 }
        do {
            switch mode {
            case "create": try create(folder)
            case "open": _ = try LMDBEventLog.open(at: .beside(folder))
            case "append": try await append(folder, callers: number(2), events: number(3), rounds: number(4))
            case "follow": try await follow(folder, until: Position(number(2)), mapSize: number(3))
            case "hold": hold(folder)
            case "redaction": try await redaction(folder, of: number(2))
            case "rewrite": try Insider.rewrite(folder, at: Position(number(2)))
            case "judge": try await Judge.run(acknowledged: folder)
            case "fail": try await fail(folder)
            default: exit(64)
            }
        } catch let error as EventStoreError {
            say("error \(error.code)")
            exit(1)
        }
    }

    /// One write for one line, so that a kill never leaves half of one in the pipe.
    static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }

    private static func create(_ folder: String) throws {
        say("ready")
        _ = try LMDBEventLog.create(at: .beside(folder), timeZone: "Asia/Seoul")
        say("created")
    }

    /// Appends commands from several callers, for so many rounds each or for ever, and says each acknowledgement.
    private static func append(_ folder: String, callers: Int, events: Int, rounds: Int) async throws {
        let log = try LMDBEventLog.open(at: .beside(folder))
        say("ready")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var round = 0
                    while rounds == 0 || round < rounds {
                        let payloads = (0..<events).map { #"{"of":\#(events),"part":\#($0)}"# }
                        let result = try await log.append(.test("writer-\(getpid())-\(caller)", payloads))
                        let stored = try log.page(from: result.first, limit: result.count).events
                        let leaves = stored.map { hexadecimal(MerkleFrontier.leaf(of: $0.record)) }
                        say("ack \(result.first) \(leaves.joined(separator: " "))")
                        round += 1
                    }
                }
            }
            try await group.waitForAll()
        }
        await log.close()
    }

    /// Reads along until a position, and says where it stands after each page.
    private static func follow(_ folder: String, until end: Position, mapSize: Int) async throws {
        var tuning = LMDBEventLog.Tuning()
        if mapSize > 0 { tuning.mapSize = mapSize }
        let log = try LMDBEventLog.open(at: .beside(folder), clock: SystemClock(), tuning: tuning)
        say("ready")
        for try await page in log.subscribe(from: 0, pageSize: 64) {
            say("at \(page.next)")
            if page.next >= end { break }
        }
        await log.close()
    }

    /// Begins a read transaction by hand and never ends it.
    private static func hold(_ folder: String) {
        var environment: OpaquePointer?
        var transaction: OpaquePointer?
        guard mdb_env_create(&environment) == 0, mdb_env_set_maxreaders(environment, 1024) == 0,
            mdb_env_open(environment, folder, UInt32(MDB_NOTLS), 0o600) == 0,
            mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &transaction) == 0
        else { exit(1) }
        say("ready")
        while true { _ = pause() }
    }

    /// Appends the record of a redaction of any position, past the rules of the domain, and redacts nothing.
    private static func redaction(_ folder: String, of position: Int) async throws {
        let log = try LMDBEventLog.open(at: .beside(folder))
        let digest = String(repeating: "0", count: 64)
        let payload =
            #"{"basis":"b","fields":"title","redacted_position":\#(position),"replacement_sha256":"\#(digest)"}"#
        let result = try await log.append(.test("redaction", [payload], type: "record.redacted"))
        say("ack \(result.first)")
        await log.close()
    }

    /// Appends on a disk whose commit fails.
    private static func fail(_ folder: String) async throws {
        var tuning = LMDBEventLog.Tuning()
        tuning.commit = { transaction in
            mdb_txn_abort(transaction)
            return EIO
        }
        let log = try LMDBEventLog.open(at: .beside(folder), clock: SystemClock(), tuning: tuning)
        say("ready")
        let result = try await log.append(.test("a"))
        say("ack \(result.first)")
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { byte in byte < 16 ? "0\(String(byte, radix: 16))" : String(byte, radix: 16) }.joined()
    }
}
