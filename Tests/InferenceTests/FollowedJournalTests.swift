import CanonicalJSON
import DurableFiles
import EventStoreTesting
import Glibc
import Testing

@testable import Inference

@Suite("What a worker keeps of a log on another machine")
struct FollowedJournalTests {
    private static func event(_ position: Int) -> JSONValue { ["position": .integer(position), "type": "a.test"] }

    /// The journal as a worker finds it that starts again after a kill at this moment.
    private static func afterKill(_ folder: String) throws -> (positions: [Int], checkpoint: UInt64) {
        let (events, checkpoint) = try FollowedJournal(folder: folder).read()
        return (events.compactMap { $0["position"]?.number }, checkpoint)
    }

    @Test("A kill while an event waits loses neither the event nor the way back to it")
    func waiting() throws {
        let folder = try TemporaryFolder("daybook-journal")
        let journal = try FollowedJournal(folder: folder.path, interval: .zero)
        journal.hold(Self.event(2))
        try journal.keepWaiting(upTo: 3)
        #expect(try Self.afterKill(folder.path) == ([2], 3))
        // The control: with nothing waiting, what is noted is what a next run goes on from.
        journal.note(checkpoint: 5)
        #expect(try Self.afterKill(folder.path) == ([2], 5))
        journal.hold(Self.event(6))
        journal.note(checkpoint: 9)
        journal.keepCheckpoint()
        #expect(try Self.afterKill(folder.path) == ([2], 5), "the event at 6 is still to be read")
        try journal.keepWaiting(upTo: 9)
        #expect(try Self.afterKill(folder.path) == ([2, 6], 9))
    }

    @Test("An event that the disk does not take waits on, and no checkpoint gets ahead of it")
    func fullDisk() throws {
        let folder = try TemporaryFolder("daybook-journal")
        let journal = try FollowedJournal(folder: folder.path, interval: .zero)
        journal.hold(Self.event(2))
        try journal.keepWaiting(upTo: 3)
        // Whatever is written to this file meets a full disk.
        let (events, aside) = (folder.path("events.jsonl"), folder.path("aside"))
        try #require(rename(events, aside) == 0 && symlink("/dev/full", events) == 0)
        journal.hold(Self.event(6))
        #expect(throws: (any Error).self) { try journal.keepWaiting(upTo: 9) }
        journal.note(checkpoint: 9)
        try #require(unlink(events) == 0 && rename(aside, events) == 0)
        #expect(try Self.afterKill(folder.path) == ([2], 3))
        // It is heard again after a lost connection; with room it is kept.
        journal.forgetWaiting()
        journal.hold(Self.event(6))
        try journal.keepWaiting(upTo: 9)
        #expect(try Self.afterKill(folder.path) == ([2, 6], 9))
    }

    @Test("A line that was torn, and what was written behind it, is read again from the log")
    func torn() throws {
        let folder = try TemporaryFolder("daybook-journal")
        let journal = try FollowedJournal(folder: folder.path, interval: .zero)
        for position in [2, 6] {
            journal.hold(Self.event(position))
            try journal.keepWaiting(upTo: UInt64(position) + 4)
        }
        let events = folder.path("events.jsonl")
        let whole = try DurableFile.read(events)
        let first = try #require(whole.firstIndex(of: UInt8(ascii: "\n"))) + 1
        for cut in first + 1..<whole.count {
            try DurableFile.write(whole[..<cut] + Array("{\"position\":7}\n".utf8), to: events)
            #expect(try Self.afterKill(folder.path) == ([2], 3), "cut at \(cut)")
        }
        // The control: whole, it counts up to its checkpoint.
        try DurableFile.write(whole, to: events)
        #expect(try Self.afterKill(folder.path) == ([2, 6], 10))
    }
}
