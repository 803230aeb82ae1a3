import ArgumentParser
import CanonicalJSON
import CommandHandling
import ControlAPI
import EventStore
import Foundation
import ReadModels
import RoutingDomain
import Serving

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule",
        abstract: "What a server of the home does by the clock.",
        subcommands: [List.self]
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the works of the timetable: when, what came of the last run, when again.",
            discussion: """
                The times stand in config/daybook.yaml (docs/timetable.md). They are done while a server runs; one that was \
                missed is made up after its start.
                """
        )
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let plan: SchedulePlan
            do { plan = try SchedulePlan(try ServeCommand.settings(global, flags: [:])) } catch let fault
                as SettingsFault
            {
                throw Failure("settings", fault.message, hint: fault.hint, status: ExitStatus.configuration)
            }
            let (rows, temporary) = try await home.read { (try Schedule.list($0), try TemporaryChanges.list($0)) }
            let zone = try MomentReader(home.handler).timeZone
            let now = Timestamp(microseconds: home.handler.clock.wall)
            let items = ScheduleItem.all(plan, rows, temporary: temporary, now: now, zone: zone)
            let table = TextTable(
                header: ["WORK", "WHEN", "NEXT", "LAST", "RESULT", "WHAT"],
                rows: items.map { item in
                    [
                        item.name, item.when, item.nextAt.map { Words.instant($0.description) } ?? "-",
                        item.last.map { Words.instant($0.startedAt) } ?? "-", item.last?.outcome ?? "-",
                        Words.short(item.offReason ?? item.last?.detail, 100),
                    ]
                },
                empty: "nothing is done by the clock"
            )
            let words =
                "\(table.text)\n\ntimes of the timetable are those of \(zone.identifier); a server does it while it runs"
            home.printer.show(
                words,
                ["items": .array(items.map(\.json)), "time_zone": .string(zone.identifier)]
            )
        }
    }
}
