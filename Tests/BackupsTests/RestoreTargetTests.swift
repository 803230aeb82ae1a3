import DurableFiles
import EventStore
import EventStoreTesting
import Foundation
import Testing

@testable import Backups

@Suite("The place of a restoration")
struct RestoreTargetTests {
    private static let day = "2026-03-06.notes"

    /// A log with some events; its newest signed tree head.
    private static func log(in data: String, events: Int = 3) async throws -> SignedTreeHead {
        let log = try LMDBEventLog.create(at: LogFolders(data: data), clock: FixedClock(), timeZone: "Asia/Seoul")
        for _ in 0..<events { _ = try await log.append(.test("s")) }
        let head = try log.giveOutTreeHead()
        await log.close()
        return head
    }

    @Test("Keys and tree heads of the place stay in force beside whatever comes under their names")
    func carry() async throws {
        let folder = try TemporaryFolder("target")
        let (own, other) = (
            try await Self.log(in: folder.path("own/data")),
            try await Self.log(in: folder.path("other/data"), events: 9)
        )
        let (data, staged) = (folder.path("home/data"), folder.path("staged/data"))
        for place in [data, staged] {
            try DurableFile.makeDirectory("\(place)/tree-heads", mode: 0o700)
            try DurableFile.makeDirectory("\(place)/keys", mode: 0o700)
        }
        try DurableFile.write(Array(own.note.utf8), to: "\(data)/tree-heads/\(Self.day)")
        try DurableFile.write([1], to: "\(data)/keys/log.key", mode: 0o400)
        // What a stranger's file would have brought, and a file cut short at that.
        try DurableFile.write(Array("\(other.note)daybook.x".utf8), to: "\(staged)/tree-heads/\(Self.day)")
        try DurableFile.write([2], to: "\(staged)/keys/log.key", mode: 0o644)
        let target = RestoreTarget(folder.path("home"), replacing: true)
        for _ in 0..<2 { try target.carry(into: staged) }
        #expect(try DurableFile.read("\(staged)/keys/log.key") == [1])
        let text = String(decoding: try DurableFile.read("\(staged)/tree-heads/\(Self.day)"), as: UTF8.self)
        #expect(text.contains(other.note) && text.components(separatedBy: own.note).count == 2, "\(text)")
        let found = try LogFolders(data: staged).newestTreeHead(ofInstall: install(of: own))
        #expect(found == own, "the control: a reader finds it")
    }

    private func install(of head: SignedTreeHead) -> String { LogOrigin(text: head.head.origin)?.install.text ?? "" }

    @Test("From before the look at a home until it has gone aside nobody can append to it")
    func lock() async throws {
        let folder = try TemporaryFolder("target")
        let (home, staged) = (folder.path("home"), folder.path("staged"))
        let head = try await Self.log(in: "\(home)/data")
        try DurableFile.makeDirectory("\(staged)/data")
        let target = RestoreTarget(home, replacing: true)
        let incoming = RestoreTarget.Incoming(
            install: install(of: head),
            size: head.head.size,
            root: head.head.root,
            rootAt: { _ in [] }
        )
        let places = LogFolders(data: "\(home)/data")
        do {
            let busy = try LMDBEventLog.open(at: places, clock: FixedClock())
            let refused = #expect(throws: BackupFault.self) { _ = try target.lock() }
            #expect(refused?.code == .busy)
            await busy.close()
        }
        var lock = try target.lock()
        #expect(lock != nil)
        try target.admit(incoming, under: lock)
        let late = #expect(throws: EventStoreError.self) { _ = try LMDBEventLog.open(at: places, clock: FixedClock()) }
        #expect(late?.code == .busy)
        // The control: a home that came after the look, and that nobody is kept out of, is not put aside.
        #expect(throws: BackupFault.self) { try target.take(staged, stamp: "0", under: nil) }
        let aside = try #require(try target.take(staged, stamp: "1", under: lock))
        lock = nil
        let kept = try LMDBEventLog.open(at: LogFolders(data: "\(aside)/data"), clock: FixedClock())
        #expect(try kept.head().size == head.head.size)
        await kept.close()
    }
}
