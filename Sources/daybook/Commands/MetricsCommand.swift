import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import ControlAPI
import Foundation
import Observing
import RoutingDomain

struct MetricsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "The service in numbers: over time, and which promises on speed were kept.",
        subcommands: [Show.self, SLO.self]
    )

    /// What both take.
    struct Range: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp(
                "From this time on: 2026-03-01, 2026-03-01T14:00 in the plant's zone, or with Z.",
                valueName: "time"
            )
        )
        var from: String?
        @Option(
            name: .long,
            help: ArgumentHelp("Up to this time; a date is its end. Now unless said.", valueName: "time")
        )
        var to: String?

        /// Both in seconds since 1970.
        func seconds(_ zone: TimeZone, usual: Int64) throws -> (Int64, Int64) {
            do throws(SeriesQuery.Refusal) {
                return try MetricMoments.range(
                    from: from,
                    to: to,
                    in: zone,
                    now: ProcessNumbers.now() / 1_000_000,
                    usual: usual
                )
            } catch {
                throw ValidationError("--\(error.field): \(error.message)")
            }
        }
    }

    struct Show: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a number over time.",
            discussion: """
                A step without a line is one in which the service did not run, or whose minutes are gone: minutes stay 8 days, hours \
                400. A running server is asked, as it knows the running minute; else the file tells. Quantiles are within 9.1 %.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: "Which number: \(SeriesName.allCases.map(\.rawValue).joined(separator: ", ")).")
        var name = SeriesName.p95.rawValue
        @Option(name: .long, help: "Of which service.")
        var service = MetricHistory.ownService
        @Option(name: .long, help: "Of this group of routes alone, for example models.")
        var route: String?
        @OptionGroup var range: Range
        @Option(name: .long, help: "Seconds of a step, or 5m, 1h, 1d.")
        var step: String?

        func run(in home: OpenHome) async throws {
            guard let series = SeriesName(rawValue: name) else {
                let names = SeriesName.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--name \(name.prefix(40)) is none of \(names)")
            }
            let (from, to) = try range.seconds(try home.moments().timeZone, usual: 3_600)
            let query: SeriesQuery
            do throws(SeriesQuery.Refusal) {
                query = try SeriesQuery(series, of: service, group: route, from: from, to: to, step: try seconds())
            } catch {
                throw ValidationError("--\(error.field): \(error.message)")
            }
            let document: JSONValue
            if let server = await LocalServer(home.folders).taking(nil) {
                document = try await server.ask("GET", path(query))
            } else {
                let people = home.people
                document = SeriesDocument.json(query, try await onThread { try query.points(people) })
            }
            let rows = (document["points"]?.elements ?? []).map { point in
                [
                    Words.instant(point["at"]?.text ?? "-"), Self.words(point["value"]),
                    point["version"]?.text ?? "-",
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["FROM", name.uppercased(), "ACTIVE VERSION"],
                    rows: rows,
                    empty: "\(service) has no number in that time"
                ).text,
                document
            )
        }

        private func seconds() throws(SeriesQuery.Refusal) -> Int64? {
            guard let step else { return nil }
            guard let seconds = Int64(step) ?? DurationText.seconds(step).map({ Int64($0) }) else {
                throw SeriesQuery.Refusal(
                    field: "step",
                    message: "\(step.prefix(20)) is no time; for example 300, 5m, 1h or 1d"
                )
            }
            return seconds
        }

        private func path(_ query: SeriesQuery) -> String {
            var path = "/api/v1/metrics/series?name=\(query.name.rawValue)&service=\(Self.encoded(query.service))"
            path += "&from=\(Self.moment(query.from))&to=\(Self.moment(query.to))&step=\(query.step)"
            return path + (query.group.map { "&route=\(Self.encoded($0))" } ?? "")
        }

        /// Microseconds would be cut by the end's rounding; whole seconds are whole.
        private static func moment(_ seconds: Int64) -> String {
            encoded(String(Timestamp(microseconds: seconds * 1_000_000).description.prefix(19)) + "Z")
        }

        static func encoded(_ text: String) -> String {
            text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        }

        static func words(_ value: JSONValue?) -> String {
            switch value {
            case .integer(let number): "\(number)"
            case .decimal(let text): text
            default: "-"
            }
        }
    }

    struct SLO: HomeCommand {
        static let configuration = CommandConfiguration(
            commandName: "slo",
            abstract: "Show which promises on speed were kept, by day and version; exit code 75 if one was broken.",
            discussion: """
                The limits are latency_targets of the runtime configuration, as they were at the end of each day in the plant's \
                zone. Starts count too. A day without a request says nothing.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var range: Range

        func run(in home: OpenHome) async throws {
            try await home.catchUp()
            let zone = try home.moments().timeZone
            let (from, to) = try range.seconds(zone, usual: 7 * 86_400)
            let people = home.people
            let buckets = try await onThread { try people.buckets(.hour, of: nil, from: from, to: to) }
            let limits = try await home.read { try PromisedLimits($0, in: zone) }
            let outcomes = PromiseDocument.outcomes(buckets, zone, limits)
            let rows = outcomes.map { outcome in
                [
                    outcome.day, outcome.version.isEmpty ? "-" : outcome.version, outcome.service, outcome.promise,
                    "\(outcome.target)", Show.words(SeriesDocument.number(outcome.value)), "\(outcome.count)",
                    outcome.isKept ? "kept" : "broken",
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["DAY", "VERSION", "SERVICE", "PROMISE", "AT MOST MS", "WAS MS", "COUNT", "STATE"],
                    rows: rows,
                    empty: "no service has told of anything that was promised in that time"
                ).text,
                PromiseDocument.json(outcomes)
            )
            if outcomes.contains(where: { !$0.isKept }) { throw ExitCode(ExitStatus.tryAgain) }
        }
    }
}
