import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import Testing

@Suite("Tree heads, tiles and keys")
struct TreeHeadTests {
    /// The root of every size, from the records alone.
    private func roots(of log: LMDBEventLog) throws -> [[UInt8]] {
        var frontier = MerkleFrontier()
        var roots = [frontier.root]
        for event in try log.allEvents() {
            frontier.append(record: event.record)
            roots.append(frontier.root)
        }
        return roots
    }

    private func verifier(of log: LMDBEventLog) throws -> VerifierKey {
        try #require(VerifierKey(text: log.identity.verifierKey))
    }

    @Test("Every commit leaves tiles from which the root of each size follows, and a head signed over it")
    func tiles() async throws {
        let test = try await TestLog()
        let log = try test.open()
        for size in [1, 3, 250, 1, 1, 1, 512, 17] {
            let result = try await log.append(.test("a", (0..<size).map { #"{"n":\#($0)}"# }))
            let head = try #require(result.treeHead)
            let now = try log.head()
            #expect(head.head.size == now.size && head.head.root == now.root)
            #expect(head.isSigned(by: try verifier(of: log)))
            #expect(try log.treeHead() == head)
        }
        let roots = try roots(of: log)
        for (size, root) in roots.enumerated() { #expect(try log.root(size: UInt64(size)) == root, "size \(size)") }
        #expect(throws: EventStoreError.self) { try log.tile(level: 0, index: 3, width: 256) }
        #expect(throws: EventStoreError.self) { try log.root(size: UInt64(roots.count)) }
        await log.close()
    }

    @Test("Another process's appends are taken over tile by tile")
    func otherProcess() async throws {
        let test = try await TestLog()
        let log = try test.open()
        for _ in 0..<3 {
            _ = try await log.append(.test("a"))
            let child = try Child("append", test.path, "1", "100", "2")
            #expect(await child.exitCode() == 0)
            _ = try await log.append(.test("a"))
            #expect(try log.root(size: log.head().size) == log.head().root)
        }
        await log.close()
    }

    @Test("Of a minute's heads the last stays, and every one that was given out")
    func kept() async throws {
        let clock = FixedClock()
        let test = try await TestLog(clock: clock)
        let log = try test.open(clock: clock)
        _ = try await log.append(.test("a"))
        let given = try log.giveOutTreeHead()
        #expect(try log.giveOutTreeHead() == given)
        for _ in 0..<5 { _ = try await log.append(.test("a")) }
        let last = try #require(try log.treeHead())
        #expect(try log.treeHeads() == [given, last])
        clock.advance(by: 61_000_000)
        _ = try await log.append(.test("a"))
        _ = try await log.append(.test("a"))
        #expect(try log.treeHeads().map(\.head.size) == [given.head.size, last.head.size, try log.head().size])
        await log.close()
    }

    @Test("The head of a commit that goes out with a proof is kept by that very commit; without asking it is not")
    func keptAtOnce() async throws {
        let clock = FixedClock()
        let test = try await TestLog(clock: clock)
        let log = try test.open(clock: clock)
        var asking = AppendRequest.test("a")
        asking.givesOutTreeHead = true
        let asked = try await log.append(asking)
        let silent = try await log.append(.test("a"))
        #expect(asked.isTreeHeadKept && !silent.isTreeHeadKept)
        _ = try await log.append(.test("a"))
        let kept = try log.treeHeads()
        #expect(try kept.contains(#require(asked.treeHead)) && !kept.contains(#require(silent.treeHead)))
        await log.close()
    }

    @Test("A log that was put back to an older state is refused, until somebody accepts the loss")
    func rollback() async throws {
        let test = try await TestLog()
        var log = try test.open()
        _ = try await log.append(.test("a"))
        await log.close()
        let old = try Data(contentsOf: URL(filePath: test.dataFile))
        log = try test.open()
        let lost = try #require(try await log.append(.test("b")).treeHead)
        await log.close()
        // Control: the log that signed the head opens.
        await (try test.open()).close()
        try old.write(to: URL(filePath: test.dataFile))
        let error = #expect(throws: EventStoreError.self) { try test.open() }
        #expect(error?.code == .rolledBack && error?.message.contains("size \(lost.head.size)") == true)

        log = try test.open(opensContradicted: true)
        let before = log.identity
        let result = try await log.acceptRollback(
            actor: .system,
            metadata: EventMetadata(auth: "system/cli", reason: "x")
        )
        #expect(log.identity.origin == "\(before.origin).1")
        let head = try #require(result.treeHead)
        #expect(try head.head.origin == log.identity.origin && head.isSigned(by: verifier(of: log)))
        #expect(!head.isSigned(by: try #require(VerifierKey(text: before.verifierKey))))
        await log.close()
        log = try test.open()
        #expect(log.identity.origin == "\(before.origin).1", "heads of the earlier name are passed over")
        _ = try await log.append(.test("c"))
        #expect(
            try await refusal { _ = try await log.acceptRollback(actor: .system, metadata: .test) } == .invalidRequest
        )
        await log.close()
    }

    @Test(
        "A log from before a lost key or an accepted loss is refused, although it knows none of the keys that signed since"
    )
    func unknownKeys() async throws {
        let test = try await TestLog()
        func put(_ bytes: Data, _ key: [UInt8]) throws {
            try bytes.write(to: URL(filePath: test.dataFile))
            try DurableFile.write(key, to: "\(test.folders.keys)/log.key", mode: 0o400)
        }
        var log = try test.open()
        _ = try await log.append(.test("a"))
        await log.close()
        let (old, key) = (
            try Data(contentsOf: URL(filePath: test.dataFile)), try DurableFile.read("\(test.folders.keys)/log.key")
        )
        try FileManager.default.removeItem(atPath: "\(test.folders.keys)/log.key")
        log = try test.open()
        _ = try await log.rotateKey(lost: true, actor: .system, metadata: .test)
        for _ in 0..<3 { _ = try await log.append(.test("a")) }
        await log.close()
        try put(old, key)
        #expect(throws: EventStoreError.self) { try test.open() }

        // Accepted twice: each history has a name of its own, and the one before it is refused.
        log = try test.open(opensContradicted: true)
        _ = try await log.acceptRollback(actor: .system, metadata: .test)
        #expect(log.identity.origin.hasSuffix("/log.1"))
        await log.close()
        try put(old, key)
        #expect(throws: EventStoreError.self) { try test.open() }
        log = try test.open(opensContradicted: true)
        _ = try await log.acceptRollback(actor: .system, metadata: .test)
        #expect(log.identity.origin.hasSuffix("/log.2"))
        await log.close()
        // Control: the log that signed last opens.
        await (try test.open()).close()
    }

    @Test("Of many rotations at once each is whole or refused, and the key that the log names is there")
    func rotationsAtOnce() async throws {
        let test = try await TestLog()
        let log = try test.open()
        for _ in 0..<5 {
            let done = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        (try? await log.rotateKey(lost: false, actor: .system, metadata: .test)) != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(done > 0)
            #expect(try LogKey.read(from: "\(test.folders.keys)/log.key").verifierKey == log.identity.verifierKey)
            _ = try await log.append(.test("a"))
        }
        #expect(
            try await refusal { _ = try await log.rotateKey(lost: true, actor: .system, metadata: .test) }
                == .invalidRequest
        )
        await log.close()
    }

    @Test("A log that was put back and went on is another one, and refused")
    func fork() async throws {
        let test = try await TestLog()
        let old = try Data(contentsOf: URL(filePath: test.dataFile))
        var log = try test.open()
        for _ in 0..<3 { _ = try await log.append(.test("a")) }
        await log.close()
        let heads = try FileManager.default.contentsOfDirectory(atPath: test.folders.treeHeads)
        let notes = "\(test.folders.treeHeads)/\(try #require(heads.last))"
        let kept = try Data(contentsOf: URL(filePath: notes))
        try old.write(to: URL(filePath: test.dataFile))
        try FileManager.default.removeItem(atPath: notes)
        log = try test.open()
        for _ in 0..<9 { _ = try await log.append(.test("b")) }
        await log.close()
        try kept.write(to: URL(filePath: notes))
        let error = #expect(throws: EventStoreError.self) { try test.open() }
        #expect(error?.code == .rolledBack && error?.message.contains("another") == true)
    }

    @Test("A note that was cut short, or that nobody signed, is passed over")
    func tornNotes() async throws {
        let test = try await TestLog()
        var log = try test.open()
        _ = try await log.append(.test("a"))
        let head = try #require(try log.treeHead())
        await log.close()
        let name = try #require(FileManager.default.contentsOfDirectory(atPath: test.folders.treeHeads).last)
        let path = "\(test.folders.treeHeads)/\(name)"
        let whole = try Data(contentsOf: URL(filePath: path))
        let forged = head.note.replacing("\n\(head.head.size)\n", with: "\n999\n")
        for tail in [String(head.note.dropLast(20)), forged, "\u{2014} x\n\n\n", "daybook"] {
            try (whole + Data("\n\(tail)".utf8)).write(to: URL(filePath: path))
            log = try test.open()
            _ = try await log.append(.test("a"))
            await log.close()
        }
        // Control: with a signature the greater size counts.
        let key = try LogKey.read(from: "\(test.folders.keys)/log.key")
        let body = TreeHead(origin: key.origin.text, size: 999, root: head.head.root)
        let signature = SignedTreeHead.Signature(
            name: key.origin.text,
            keyID: key.verifier.keyID,
            bytes: try key.signature(over: Array(body.body.utf8))
        )
        let signed = SignedTreeHead(body, signatures: [signature])
        try (whole + Data("\n\(signed.note)".utf8)).write(to: URL(filePath: path))
        #expect(throws: EventStoreError.self) { try test.open() }
    }

    @Test("A key hands over to the next one, and the old private key is gone")
    func rotation() async throws {
        let test = try await TestLog()
        var log = try test.open()
        let old = try verifier(of: log)
        let head = try #require(try await log.rotateKey(lost: false, actor: .system, metadata: .test).treeHead)
        let new = try verifier(of: log)
        #expect(old != new && old.name == new.name)
        #expect(head.isSigned(by: old) && head.isSigned(by: new))
        let after = try #require(try await log.append(.test("a")).treeHead)
        #expect(after.isSigned(by: new) && !after.isSigned(by: old))
        #expect(try FileManager.default.contentsOfDirectory(atPath: test.folders.keys) == ["log.key"])
        #expect(try LogKey.read(from: "\(test.folders.keys)/log.key").verifier == new)
        #expect(try log.treeHeads().contains(head))
        await log.close()
        log = try test.open()
        #expect(try verifier(of: log) == new)
        #expect(try log.verifierKeys().map(\.key) == [old, new])
        await log.close()
    }

    @Test("Without its key a log is read and not written, and a lost key is replaced by an event that says so")
    func lostKey() async throws {
        let test = try await TestLog()
        let path = "\(test.folders.keys)/log.key"
        try FileManager.default.removeItem(atPath: path)
        let log = try test.open()
        #expect(try log.head().size == 1)
        #expect(try await refusal { _ = try await log.append(.test("a")) } == .keyUnavailable)
        #expect(
            try await refusal { _ = try await log.rotateKey(lost: false, actor: .system, metadata: .test) }
                == .keyUnavailable
        )
        let old = try verifier(of: log)
        let head = try #require(try await log.rotateKey(lost: true, actor: .system, metadata: .test).treeHead)
        #expect(try !head.isSigned(by: old) && head.isSigned(by: verifier(of: log)))
        _ = try await log.append(.test("a"))
        #expect(try log.head().size == 4, "the rotation, the boot before it, and the append")
        await log.close()
    }

    @Test("A rotation that was cut short before or after its event is finished or forgotten")
    func cutRotation() async throws {
        let test = try await TestLog()
        var log = try test.open()
        let first = try LogKey.read(from: "\(test.folders.keys)/log.key")
        // Before: the next key is written, no event names it.
        let unused = LogKey(origin: first.origin)
        try DurableFile.create(Array(unused.text.utf8), at: "\(test.folders.keys)/log.key.next", mode: 0o400)
        _ = try await log.append(.test("a"))
        _ = try await log.rotateKey(lost: false, actor: .system, metadata: .test)
        let second = try DurableFile.read("\(test.folders.keys)/log.key")
        await log.close()
        // After: the event stands, the file has its old name.
        try FileManager.default.moveItem(
            atPath: "\(test.folders.keys)/log.key",
            toPath: "\(test.folders.keys)/log.key.next"
        )
        try DurableFile.create(Array(first.text.utf8), at: "\(test.folders.keys)/log.key", mode: 0o400)
        log = try test.open()
        _ = try await log.append(.test("a"))
        #expect(try DurableFile.read("\(test.folders.keys)/log.key") == second)
        await log.close()
    }

    private func refusal(_ body: () async throws -> Void) async throws -> EventStoreError.Code? {
        do {
            try await body()
            return nil
        } catch let error as EventStoreError {
            return error.code
        }
    }
}

extension EventMetadata {
    fileprivate static let test = EventMetadata(auth: "system/cli", reason: "a test")
}
