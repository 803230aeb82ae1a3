import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain

extension ConfigName: ExpressibleByArgument {}

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "The runtime and trainer configs: read, change, take back, restore.",
        subcommands: [Get.self, Patch.self, Undo.self, Keep.self, History.self, Diff.self, Restore.self]
    )

    struct Get: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show the settings in force, or one of them.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName = .runtime
        @Argument(help: "One setting, for example ef_search.")
        var field: String?
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let checkpoint = try home.checkpoint(asOf)
            let (config, field) = (config, field)
            let rows = try await home.read(asOf: checkpoint) { try Configs.current($0, config) }
                .filter { field == nil || $0.field == field }
            guard !rows.isEmpty else {
                throw Failure(
                    "config.unknown",
                    "the \(config.rawValue) config has no setting \(field ?? "")",
                    hint: "`daybook config get \(config.rawValue)` lists them",
                    status: ExitStatus.badData
                )
            }
            let version = try home.log.version(of: try StreamName.of(config))
            let table = TextTable(
                header: ["SETTING", "VALUE", "LIMIT", "SINCE", "BY"],
                rows: rows.map { row in
                    [
                        row.retired ? "\(row.field) (retired)" : row.field,
                        ConfigCommand.words(row.value, config, row.field),
                        SettingsSchema.of(config).setting(row.field)?.limit ?? "-", Words.instant(row.changedAt),
                        row.changedBy.map { home.name(of: $0) } ?? "-",
                    ]
                },
                empty: ""
            )
            home.printer.show(
                "\(table.text)\n\nversion \(config.stream)@\(version)",
                [
                    "config": .string(config.rawValue), "stream_version": .integer(Int(version)),
                    "settings": .array(rows.map { ConfigCommand.json($0, config) }),
                ]
            )
        }
    }

    struct Patch: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change settings by a JSON Merge Patch, for good or for a while.",
            discussion: "null takes a setting back to its default. The whole patch is applied or nothing."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName
        @Argument(help: "A JSON object, for example '{\"ef_search\": 256}'; - reads standard input.")
        var patch: String?
        @Option(name: .long, help: "Set ef_search by name: conservative, standard or aggressive.")
        var preset: String?
        @Option(
            name: .customLong("for"),
            help: ArgumentHelp("End the change by itself after this time.", valueName: "30m")
        )
        var duration: String?

        func run(in home: OpenHome) async throws {
            let seconds = try duration.map { text in
                guard let seconds = DurationText.seconds(text) else {
                    throw ValidationError("--for \(text) is no duration; for example 90s, 30m, 8h or 2d")
                }
                return seconds
            }
            let command = PatchConfig(
                config: config,
                patch: try document(),
                seconds: seconds,
                approval: approving.used
            )
            if try await home.requests(command, approving, write) { return }
            let outcome = try await home.send(command, write)
            ConfigCommand.showChange(outcome.decided.first?.event, outcome.appended, home)
        }

        private func document() throws -> JSONValue {
            if let preset {
                guard patch == nil, config == .runtime else {
                    throw ValidationError("--preset takes the place of a patch of the runtime config")
                }
                guard let value = SettingsSchema.searchPresets.first(where: { $0.0 == preset })?.1 else {
                    let names = SettingsSchema.searchPresets.map(\.0).joined(separator: ", ")
                    throw ValidationError("\(preset) is no preset; the presets are \(names)")
                }
                return ["ef_search": .integer(value)]
            }
            guard let patch else { throw ValidationError("name the change as a JSON object, or a --preset") }
            let bytes = patch == "-" ? Array(FileHandle.standardInput.readDataToEndOfFile()) : Array(patch.utf8)
            do {
                return try JSONReader.plain(bytes)
            } catch {
                throw Failure(
                    "config.patch",
                    "the patch is not JSON: \(error)",
                    hint: "quote it for the shell: '{\"ef_search\": 256}'",
                    status: ExitStatus.badData
                )
            }
        }
    }

    struct Undo: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back one change and touch no other field.",
            discussion: """
                Of a change less than 8 hours old it waits for nobody's approval; it is then an emergency change, listed by \
                `daybook changes` until another person reviewed it.
                """
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName
        @Argument(help: "Position of the change, as `config history` shows it.")
        var position: Int

        func run(in home: OpenHome) async throws {
            let command = UndoConfigChange(config: config, position: position, approval: approving.used)
            if try await home.requests(command, approving, write) { return }
            let outcome = try await home.send(command, write)
            ConfigCommand.showChange(outcome.decided.first?.event, outcome.appended, home)
        }
    }

    struct Keep: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Confirm a temporary change, so that it stays.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName
        @Argument(help: "Position of the temporary change, as `status` shows it.")
        var position: Int

        func run(in home: OpenHome) async throws {
            let command = KeepConfigChange(config: config, position: position, approval: approving.used)
            if try await home.requests(command, approving, write) { return }
            let outcome = try await home.send(command, write)
            home.printer.show(
                "the change at \(position) stays",
                ["kept_position": .integer(position), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct History: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Show what changed, field by field, newest first.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName = .runtime
        @Option(name: .long, help: "Only this setting.")
        var field: String?
        @Option(name: .long, help: "At most so many changes.")
        var limit = 50
        @Option(name: .long, help: "Go on before this position.")
        var before: Int?

        func run(in home: OpenHome) async throws {
            let (config, field, before, limit) = (config, field, before, try Limit.checked(limit))
            let changes = try await home.read {
                try Configs.history($0, config, field: field, before: before, limit: limit)
            }
            let rows = changes.map { change in
                [
                    String(change.position), Words.instant(change.recordedAt), home.name(of: change.actor), change.kind,
                    Words.short(change.words, 90), Words.short(change.reason, 40),
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["POSITION", "WHEN", "WHO", "KIND", "WHAT", "WHY"],
                    rows: rows,
                    empty: "no changes"
                ).text,
                .array(changes.map { $0.json.named(home.name(of: $0.actor)) })
            )
        }
    }

    struct Diff: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Compare a config between two moments.")
        @OptionGroup var global: GlobalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName
        @Argument(help: ArgumentHelp("The earlier moment.", valueName: "position|time|snapshot"))
        var from: String
        @Argument(help: ArgumentHelp("The later moment.", valueName: "position|time|snapshot"))
        var to = "now"

        func run(in home: OpenHome) async throws {
            let (config, first, second) = (config, try home.checkpoint(from), try home.checkpoint(to))
            let old = try await home.read(asOf: first) { try Configs.values($0, config) }
            let new = try await home.read(asOf: second) { try Configs.values($0, config) }
            let changes = ValueChange.between(old, new)
            let rows = changes.map { change in
                [
                    change.field, ConfigCommand.words(change.old, config, change.field),
                    ConfigCommand.words(change.new, config, change.field),
                ]
            }
            home.printer.show(
                TextTable(header: ["SETTING", "BEFORE", "AFTER"], rows: rows, empty: "no difference").text,
                .array(changes.map(\.json))
            )
        }
    }

    struct Restore: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a config to what it was at a moment; a new event."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var approving: ApprovalOptions
        @Argument(help: "runtime or trainer.")
        var config: ConfigName
        @Option(name: .long, help: ArgumentHelp("The moment to go back to.", valueName: "position|time|snapshot"))
        var to: String

        func run(in home: OpenHome) async throws {
            let checkpoint = try home.moments().checkpoint(to)
            let command = RestoreConfig(config: config, checkpoint: Int(checkpoint), approval: approving.used)
            if try await home.requests(command, approving, write) { return }
            let outcome = try await home.send(command, write)
            ConfigCommand.showChange(outcome.decided.first?.event, outcome.appended, home)
        }
    }

    static func showChange(_ event: (any DomainEvent)?, _ appended: AppendResult?, _ home: OpenHome) {
        let position = appended?.first
        var members: [String: JSONValue] = ["position": .position(position), "repeated": .bool(event == nil)]
        let words: String
        switch event {
        case let event as ConfigPatched:
            let end = event.expiresAt.map { "; ends by itself at \(Words.instant($0.description))" } ?? ""
            let mark = event.isEmergency ? "; an emergency change: open until another person reviewed it" : ""
            words = "\(event.words)\(end)\(mark)"
            members["changes"] = event.changes
            members["is_emergency"] = .bool(event.isEmergency)
            members["expires_at"] = event.expiresAt.map { .string($0.description) }
        case let event as ConfigRestored:
            words = event.words
            members["changes"] = event.changes
        default: words = "done before under the same key; nothing changed now"
        }
        home.printer.show("\(words) (position \(position.map(String.init) ?? "-"))", .object(members))
    }

    static func words(_ value: JSONValue?, _ config: ConfigName, _ field: String) -> String {
        guard let value else { return "-" }
        let rendered = SettingsSchema.of(config).setting(field)?.rendered(value) ?? value
        switch rendered {
        case .string(let text): return text.isEmpty ? "\"\"" : text
        case .decimal(let literal): return literal
        case .object(let members) where members.isEmpty: return "{}"
        case .object(let members):
            return members.sorted { $0.key < $1.key }.map { "\($0.key)=\(words($0.value, config, ""))" }.joined(
                separator: " "
            )
        default: return (try? rendered.canonicalText()) ?? rendered.prettyText
        }
    }

    private static func json(_ row: SettingRow, _ config: ConfigName) -> JSONValue {
        guard case .object(var members) = row.json else { return row.json }
        if let setting = SettingsSchema.of(config).setting(row.field) {
            members["value"] = row.value.map(setting.rendered)
            members["limit"] = .string(setting.limit)
            members["note"] = .string(setting.note)
        }
        return .object(members)
    }
}

extension JSONValue {
    /// A position as JSON, null when there is none.
    static func position(_ position: Position?) -> JSONValue { position.map { .integer(Int($0)) } ?? .null }

    /// An object with the actor's name beside the pseudonym.
    func named(_ name: String) -> JSONValue {
        guard case .object(var members) = self else { return self }
        members["actor_name"] = .string(name)
        return .object(members)
    }
}

extension StreamName {
    /// The stream that decides which version is active.
    static var activation: StreamName {
        guard let name = StreamName(ActivationState.stream) else {
            preconditionFailure("\(ActivationState.stream) is a stream name")
        }
        return name
    }

    /// The stream of the input mappings.
    static var inputMappings: StreamName {
        guard let name = StreamName(InputMappings.stream) else {
            preconditionFailure("\(InputMappings.stream) is a stream name")
        }
        return name
    }

    /// The stream of a configuration.
    static func of(_ config: ConfigName) throws -> StreamName {
        guard let name = StreamName(config.stream) else { preconditionFailure("\(config.stream) is a stream name") }
        return name
    }
}
