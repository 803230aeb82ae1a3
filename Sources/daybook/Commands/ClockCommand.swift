import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import RoutingDomain

struct ClockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock",
        abstract: "The log's clock: confirm a step it refused, or set the plant's time zone.",
        subcommands: [Accept.self, Zone.self]
    )

    struct Accept: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Believe a clock that stepped far forward, after you have checked it."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions

        func run(in home: OpenHome) async throws {
            let context = CommandContext(
                actor: home.actor.id.text,
                auth: await home.auth(),
                reason: write.reason,
                now: Timestamp(microseconds: SystemClock().wall)
            )
            let reason = try context.requireReason(for: "accepting the clock")
            let result = try await home.writing.acceptClock(
                reason: reason,
                actor: home.actor.id,
                metadata: EventMetadata(auth: await home.auth(), reason: reason)
            )
            await home.prove(result, write.proving)
            await home.follow()
            home.printer.show(
                "the clock is accepted (position \(result.first)); appends go on",
                ["position": .position(result.first)]
            )
        }
    }

    struct Zone: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set the plant's time zone; days and hours of later events are counted in it."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "An IANA name, for example Asia/Seoul.")
        var zone: String

        func run(in home: OpenHome) async throws {
            guard TimeZone(identifier: zone) != nil else {
                throw Failure(
                    "time-zone",
                    "\"\(zone.prefix(80))\" is not a time zone of this machine",
                    hint: "an IANA name such as Asia/Seoul or Europe/Berlin",
                    status: ExitStatus.badData
                )
            }
            let outcome = try await home.send(SetTimeZone(timeZone: zone), write)
            home.printer.show(
                "the plant's time zone is \(zone)",
                ["time_zone": .string(zone), "position": .position(outcome.appended?.first)]
            )
        }
    }
}
