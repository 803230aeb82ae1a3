import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain

extension RetentionClass: ExpressibleByArgument {}

struct RetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "For how many years what is kept.",
        subcommands: [List.self, Set.self]
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the classes with their years.",
            discussion:
                "Nothing is deleted by itself: whoever answers for it erases, redacts or destroys, each an event."
        )
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let known = try await home.read { try PersonalData.retention($0) }
            let classes = RetentionClass.allCases.map { kept in
                (kept, known.first { $0.retentionClass == kept.rawValue })
            }
            let rows = classes.map { kept, row in
                [
                    kept.rawValue, String(row?.years ?? kept.defaultYears), kept.words,
                    row.map { "\(Words.instant($0.setAt)) by \(home.name(of: $0.setBy))" } ?? "the program's own",
                ]
            }
            let json = classes.map { kept, row in
                var members = row?.json.members ?? [:]
                members["retention_class"] = .string(kept.rawValue)
                members["years"] = .integer(row?.years ?? kept.defaultYears)
                members["set"] = .bool(row != nil)
                return JSONValue.object(members)
            }
            home.printer.show(
                TextTable(header: ["CLASS", "YEARS", "WHAT", "SET"], rows: rows, empty: "").text,
                .array(json)
            )
        }
    }

    struct Set: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set for how many years a class is kept; shorter only while no legal hold is in force."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "business_records, personal_names or exports.")
        var retentionClass: RetentionClass
        @Option(name: .long, help: "1 to 100.")
        var years: Int

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(SetRetention(retentionClass: retentionClass, years: years), write)
            home.printer.show(
                "\(retentionClass.rawValue) are kept for \(years) years",
                [
                    "retention_class": .string(retentionClass.rawValue), "years": .integer(years),
                    "position": .position(outcome.appended?.first),
                ]
            )
        }
    }
}

extension RetentionClass {
    fileprivate var words: String {
        switch self {
        case .businessRecords: "reasons, notes, meanings, task texts in the log"
        case .personalNames: "names in data/state.db, after the person's last event"
        case .exports: "documents that were handed out"
        }
    }
}

struct HoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold",
        abstract: "Legal holds: what may not be erased, redacted or kept shorter.",
        subcommands: [Place.self, Release.self, List.self]
    )

    struct Place: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Place a hold on a person or on positions.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The hold's name: a-z, 0-9, '.', '_', '-'.")
        var hold: String
        @Argument(help: ArgumentHelp("What is held: 10-20 or 10 means positions.", valueName: "person|positions"))
        var held: String

        func run(in home: OpenHome) async throws {
            let positions = try Self.positions(held)
            let size = try home.log.head().size
            if let last = positions?.upperBound, Position(last) >= size {
                throw Failure(
                    "hold.range",
                    "there is no position \(last) to hold: the log has \(size) events",
                    hint:
                        "the last position is \(size - 1); what comes later is held by a further hold, or by one on a person",
                    status: ExitStatus.badData
                )
            }
            let command = PlaceHold(
                hold: hold,
                subject: try positions == nil ? subject(in: home) : nil,
                positions: positions
            )
            let outcome = try await home.send(command, write)
            home.printer.show(
                "legal hold \(hold) is in force",
                ["hold": .string(hold), "position": .position(outcome.appended?.first)]
            )
        }

        /// Positions, nil for what names a person.
        private static func positions(_ text: String) throws -> ClosedRange<Int>? {
            guard let match = text.wholeMatch(of: /(\d{1,15})(?:-(\d{1,15}))?/) else { return nil }
            guard let first = Int(match.output.1), let last = match.output.2.map({ Int($0) }) ?? first, first <= last
            else { throw ValidationError("\(text) is no range of positions, for example 10-20") }
            return first...last
        }

        private func subject(in home: OpenHome) throws -> String {
            if let id = UUID(uuidString: held) { return id.text }
            if let person = try home.people.person(named: held) { return person.id.text }
            throw Failure(
                "person.unknown",
                "\(held.prefix(100)) is neither a known person nor a range of positions",
                hint: "`daybook person list` shows who is known",
                status: ExitStatus.badData
            )
        }
    }

    struct Release: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "End a hold.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The hold's name.")
        var hold: String

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(ReleaseHold(hold: hold), write)
            home.printer.show(
                "legal hold \(hold) is released",
                ["hold": .string(hold), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the holds, those in force first.")
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let holds = try await home.read { try PersonalData.holds($0) }
            let rows = holds.map { row in
                [
                    row.hold, row.status,
                    row.subject.map { home.name(of: $0) } ?? "\(row.fromPosition ?? 0)-\(row.toPosition ?? 0)",
                    Words.instant(row.placedAt), home.name(of: row.placedBy), Words.short(row.reason),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["HOLD", "STATUS", "ON", "PLACED", "WHO", "WHY"],
                    rows: rows,
                    empty: "no legal holds"
                )
                .text,
                .array(holds.map { $0.json.named(home.name(of: $0.placedBy)) })
            )
        }
    }
}
