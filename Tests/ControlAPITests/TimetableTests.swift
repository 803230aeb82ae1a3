import CanonicalJSON
import CommandHandling
import EventStore
import EventStoreTesting
import Foundation
import Logging
import RoutingDomain
import Serving
import Synchronization
import Testing

@testable import ControlAPI

@Suite("Times of the timetable") struct OccurrenceTests {
    private static let seoul = TimeZone(identifier: "Asia/Seoul") ?? .gmt
    private static let berlin = TimeZone(identifier: "Europe/Berlin") ?? .gmt
    private static let auckland = TimeZone(identifier: "Pacific/Auckland") ?? .gmt

    private func at(_ text: String) throws -> Timestamp { try #require(Timestamp("\(text):00.000000Z")) }

    @Test(
        "The newest time that has come and the next one are those of the plant's wall",
        arguments: [
            ("daily 02:30", seoul, "2026-03-10T17:29", "2026-03-09T17:30", "2026-03-10T17:30"),
            ("daily 02:30", seoul, "2026-03-10T17:30", "2026-03-10T17:30", "2026-03-11T17:30"),
            ("daily 00:00", auckland, "2026-01-01T10:59", "2025-12-31T11:00", "2026-01-01T11:00"),
            ("weekly mon 04:00", seoul, "2026-03-10T00:00", "2026-03-08T19:00", "2026-03-15T19:00"),
            ("weekly sun 23:59", berlin, "2026-03-10T00:00", "2026-03-08T22:59", "2026-03-15T22:59"),
            ("monthly 1 03:30", seoul, "2026-03-10T00:00", "2026-02-28T18:30", "2026-03-31T18:30"),
            ("monthly 28 03:30", berlin, "2026-03-01T00:00", "2026-02-28T02:30", "2026-03-28T02:30"),
            ("every 6h", seoul, "2026-03-10T13:01", "2026-03-10T12:00", "2026-03-10T18:00"),
            ("every 1m", seoul, "2026-03-10T13:01", "2026-03-10T13:01", "2026-03-10T13:02"),
            // Put forward on the 29th of March at two: half past two comes as half past three.
            ("daily 02:30", berlin, "2026-03-29T01:29", "2026-03-28T01:30", "2026-03-29T01:30"),
            ("daily 02:30", berlin, "2026-03-29T12:00", "2026-03-29T01:30", "2026-03-30T00:30"),
            // Put back on the 25th of October at three: half past two comes twice, and counts once.
            ("daily 02:30", berlin, "2026-10-25T00:29", "2026-10-24T00:30", "2026-10-25T00:30"),
            ("daily 02:30", berlin, "2026-10-25T01:30", "2026-10-25T00:30", "2026-10-26T01:30"),
        ]
    )
    func times(_ words: String, _ zone: TimeZone, _ now: String, _ latest: String, _ next: String) throws {
        let occurrence = try #require(Occurrence(words))
        #expect(try occurrence.latest(by: at(now), in: zone) == at(latest))
        #expect(try occurrence.next(after: at(now), in: zone) == at(next))
    }

    @Test("Over two years of every zone with a jump, each day has one time, in order")
    func everyDay() throws {
        for zone in [Self.berlin, Self.auckland, Self.seoul] {
            for words in ["daily 02:30", "daily 00:00", "daily 23:59"] {
                let occurrence = try #require(Occurrence(words))
                var now = try at("2026-01-01T00:00")
                for _ in 0..<730 {
                    let next = occurrence.next(after: now, in: zone)
                    let hours = Double(next.microseconds - now.microseconds) / 3.6e9
                    #expect(hours > 0 && hours <= 25.5, "\(words) \(zone.identifier) \(now)")
                    #expect(occurrence.latest(by: next, in: zone) == next)
                    #expect(occurrence.latest(by: Timestamp(microseconds: next.microseconds - 1), in: zone) < next)
                    now = next
                }
                #expect(abs(now.microseconds - (try at("2028-01-01T00:00")).microseconds) < 86_400_000_000)
            }
        }
    }

    @Test(
        "Words that tell no time are refused",
        arguments: [
            "", "daily", "daily 24:00", "daily 2:30", "daily 02:60", "weekly 02:30", "weekly day 02:30",
            "monthly 29 02:30", "monthly 0 02:30", "every 0h", "every 6", "every 169h", "every 5s", "Daily 02:30",
            "daily 02:30 x", "off",
        ]
    )
    func refused(_ words: String) { #expect(Occurrence(words) == nil) }

    @Test("A timetable whose setting tells no time is refused with its name and the words that do")
    func settings() throws {
        let known = Serving.Setting.service + JobLimits.settings + SchedulePlan.settings
        func plan(_ flags: [String: Serving.Setting.Value]) throws -> SchedulePlan {
            try SchedulePlan(try Settings(known, file: nil, environment: [:], flags: flags))
        }
        let fault = #expect(throws: SettingsFault.self) { try plan(["timetable.backup": .text("at night")]) }
        #expect(
            fault?.message.contains("timetable.backup is at night") == true
                && fault?.hint.contains("daily 02:30") == true
        )
        let standard = try plan([:])
        let off = standard.entries.filter { $0.occurrence == nil }.map(\.work)
        #expect(off == [.backup, .restoreDrill], "without a folder there is nowhere to put one")
        let all = try plan(["jobs.backup-folder": .text("/mnt/backups"), "timetable.uploads": .text("off")])
        #expect(all.entries.filter { $0.occurrence == nil }.map(\.offReason) == ["timetable.uploads is off"])
    }
}

/// The timetable over a real log with a clock that is handed in.
@Suite("The timetable") struct TimetableTests {
    /// A home of a few files: a log, its clock, and what the works did.
    private struct Fixture {
        let folder: TemporaryFolder
        let log: LMDBEventLog
        let clock = FixedClock(wall: Timestamp("2026-03-10T00:00:00.000000Z")?.microseconds ?? 0)
        let commands: CommandHandler
        let done = Shared<[String]>([])

        init() throws {
            folder = try TemporaryFolder("daybook-timetable")
            log = try LMDBEventLog.create(at: LogFolders(data: folder.path), clock: clock, timeZone: "Asia/Seoul")
            commands = CommandHandler(log: log, clock: clock)
        }

        func timetable(_ words: [(ScheduledWork, String)], fails: Bool = false) throws -> Timetable {
            let entries = try words.map { work, words in
                let done = done
                return Timetable.Entry(work, try #require(Occurrence(words))) {
                    done.value.withLock { $0.append(work.rawValue) }
                    if fails { throw Problem(ControlProblems.storage, "The disk is away.") }
                    return ScheduledResult(.done, "well done")
                }
            }
            return Timetable(
                entries,
                commands: commands,
                logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
            )
        }

        func runs(_ work: ScheduledWork = .selfCheck) throws -> [ScheduleRunFinished] {
            let stream = try #require(StreamName(ScheduleState.stream(work.rawValue)))
            return try log.events(in: stream).compactMap {
                try CommandHandler.historic($0).event as? ScheduleRunFinished
            }
        }

        func taken() -> [String] {
            done.value.withLock { done in
                defer { done = [] }
                return done
            }
        }
    }

    @Test("A work is done when its time comes, once, and its run is an event")
    func due() async throws {
        let home = try Fixture()
        let timetable = try home.timetable([(.selfCheck, "daily 12:00"), (.retention, "weekly mon 12:00")])
        // Noon in Seoul is three in the morning in UTC.
        let next = await timetable.turn()
        #expect(home.taken().isEmpty && next.description == "2026-03-10T03:00:00.000000Z")
        home.clock.set("2026-03-10T02:59:59.999999Z")
        await timetable.turn()
        #expect(home.taken().isEmpty)
        home.clock.set("2026-03-10T03:00:01.000000Z")
        await timetable.turn()
        await timetable.turn()
        #expect(home.taken() == ["self-check"])
        let run = try #require(try home.runs().first)
        #expect(run.plannedAt.description == "2026-03-10T03:00:00.000000Z" && run.outcome == .done && !run.isMadeUp)
        #expect(run.startedAt.description == "2026-03-10T03:00:01.000000Z" && run.detail == "well done")
        home.clock.set("2026-03-11T03:00:00.000000Z")
        await timetable.turn()
        #expect(try home.runs().count == 2 && home.taken() == ["self-check"])
    }

    @Test("A run that was missed is made up after the start, once for however many, and not again after the next start")
    func missed() async throws {
        let home = try Fixture()
        _ = await (try home.timetable([(.selfCheck, "daily 12:00")])).turn()
        home.clock.set("2026-03-14T00:00:00.000000Z")
        let later = try home.timetable([(.selfCheck, "daily 12:00")])
        await later.turn()
        await later.turn()
        #expect(home.taken() == ["self-check"])
        let run = try #require(try home.runs().first)
        #expect(run.isMadeUp && run.plannedAt.description == "2026-03-13T03:00:00.000000Z")
        await (try home.timetable([(.selfCheck, "daily 12:00")])).turn()
        #expect(try home.runs().count == 1 && home.taken().isEmpty)
        home.clock.set("2026-03-14T03:00:00.000000Z")
        await later.turn()
        #expect(try home.runs().map(\.isMadeUp) == [true, false])
    }

    @Test("A run that fails is recorded with its reason and done again at its next time, not before")
    func failed() async throws {
        let home = try Fixture()
        let timetable = try home.timetable([(.selfCheck, "daily 12:00"), (.retention, "daily 12:00")], fails: true)
        home.clock.set("2026-03-10T04:00:00.000000Z")
        await timetable.turn()
        await timetable.turn()
        #expect(home.taken() == ["self-check", "retention"], "the failure of one keeps no other from its turn")
        #expect(try home.runs().map(\.outcome) == [.failed])
        #expect(try home.runs().first?.detail == "The disk is away.")
    }

    @Test("A run that the end of the service broke off is not recorded, and made up after the next start")
    func brokenOff() async throws {
        let home = try Fixture()
        let (begun, signal) = AsyncStream.makeStream(of: Void.self)
        let (silence, voice) = AsyncStream.makeStream(of: Void.self)
        let entry = Timetable.Entry(.selfCheck, try #require(Occurrence("daily 12:00"))) {
            signal.finish()
            // Nobody ever says anything there: it ends when its task is cancelled.
            for await _ in silence {}
            try Task.checkCancellation()
            return ScheduledResult(.done, "never")
        }
        let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
        let timetable = Timetable([entry], commands: home.commands, logger: quiet)
        home.clock.set("2026-03-10T04:00:00.000000Z")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await timetable.run() }
            for await _ in begun {}
            group.cancelAll()
        }
        voice.finish()
        #expect(try home.runs().isEmpty)
        await (try home.timetable([(.selfCheck, "daily 12:00")])).turn()
        #expect(try home.runs().count == 1 && home.taken() == ["self-check"])
    }

    @Test(
        "The plant's time zone counts from its change on; a work that needs nothing leaves no run; one at each start is done then"
    )
    func zonesAndNeeds() async throws {
        let home = try Fixture()
        let entries = [
            Timetable.Entry(.selfCheck, try #require(Occurrence("daily 12:00"))) { ScheduledResult(.done, "a") },
            Timetable.Entry(.retention, try #require(Occurrence("daily 12:00")), isNeeded: { false }) {
                ScheduledResult(.done, "b")
            },
            Timetable.Entry(.uploads, try #require(Occurrence("daily 12:00")), isAtStart: true) {
                ScheduledResult(.done, "c")
            },
        ]
        let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
        home.clock.set("2026-03-10T00:00:01.000000Z")
        let timetable = Timetable(entries, commands: home.commands, logger: quiet)
        await timetable.turn()
        #expect(try home.runs(.uploads).count == 1)
        #expect(try home.runs().isEmpty)
        _ = try await home.commands.handle(SetTimeZone(timeZone: "Europe/Berlin"), by: .system(reason: "moved"))
        home.clock.set("2026-03-10T03:00:01.000000Z")
        await timetable.turn()
        #expect(try home.runs().isEmpty)
        home.clock.set("2026-03-10T11:00:01.000000Z")
        await timetable.turn()
        #expect(try home.runs().count == 1)
        #expect(try home.runs(.retention).isEmpty)
        #expect(try home.runs(.uploads).count == 2)
    }

    @Test("Of the backups in a folder the newest of this home stay; those of others are not touched")
    func pruning() throws {
        let folder = try TemporaryFolder("daybook-prune")
        let own = (1...5).map { "daybook-0123abcd-2026030\($0)T000000.000000Z.tar" }
        let others = ["daybook-99999999-20200101T000000.000000Z.tar", "notes.txt", "daybook-0123abcd-old.tar.sha256"]
        for name in own + others { try Data().write(to: URL(filePath: folder.path(name))) }
        let install = "0123abcd-0000-4000-8000-000000000000"
        #expect(try ScheduledWorks.prune(folder.path, install: install, keep: 3) == Array(own.prefix(2)))
        #expect(try ScheduledWorks.prune(folder.path, install: install, keep: 3).isEmpty)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(left == (own.suffix(3) + others).sorted())
    }

    @Test("The route shows every work: when, why it is off, what came of it and when again")
    func route() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.viewer)
            let run = ScheduleRunFinished(
                name: "self-check",
                plannedAt: home.control.now,
                startedAt: home.control.now,
                outcome: .attention,
                detail: "tasks differs",
                isMadeUp: true,
                durationMs: 5
            )
            let outcome = try await home.control.commands.handle(FinishScheduledRun(run), by: .system())
            let position = try #require(outcome.appended).first
            let answer = try await home.get("/api/v1/schedule?min_position=\(position)", token: token)
            let items = try #require(answer.json["items"]?.elements)
            #expect(
                items.compactMap { $0["name"]?.text } == ScheduledWork.allCases.map(\.rawValue) + ["temporary-changes"]
            )
            let check = try #require(items.first)
            #expect(check["when"] == "daily 02:30" && check["next_at"]?.text?.hasSuffix("T17:30:00.000000Z") == true)
            #expect(check["last"]?["outcome"] == "attention" && check["last"]?["runs"] == 1)
            #expect(items[1]["when"] == "off" && items[1]["off_reason"]?.text?.contains("jobs.backup-folder") == true)
            #expect(answer.json["time_zone"] == "Asia/Seoul")
            let again = try await home.control.commands.handle(FinishScheduledRun(run), by: .system())
            #expect(again.appended == nil, "the same run is recorded once")
        }
    }
}

extension FixedClock {
    /// Lets time pass until an instant.
    fileprivate func set(_ text: String) { advance(by: (Timestamp(text)?.microseconds ?? wall) - wall) }
}
