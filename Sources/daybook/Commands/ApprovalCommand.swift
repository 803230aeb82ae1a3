import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain

extension ApprovalAction: ExpressibleByArgument {}

struct ApprovalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approval",
        abstract: "Another person's agreement: request, grant, reject, withdraw; which actions need it.",
        subcommands: [Request.self, Grant.self, Reject.self, Withdraw.self, List.self, Rule.self]
    )

    struct Request: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask for another person's agreement.",
            discussion: "For an action that needs it, send that command itself with --request-approval."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "What the approver is asked to agree to.")
        var statement: String
        @Option(name: .customLong("for"), help: "What is to be approved, for example sprint-w0.")
        var subject: String
        @Option(name: .long, help: "Identifier; else a short one is made.")
        var id: String?
        @Option(name: .long, help: "The sprint or wave it belongs to.")
        var sprint: String?

        func run(in home: OpenHome) async throws {
            let id = id ?? ShortIdentifier.make("a", actor: home.actor.id, idempotencyKey: write.idempotencyKey)
            let command = RequestApproval(approval: id, subject: subject, statement: statement, sprint: sprint)
            let outcome = try await home.send(command, write)
            home.printer.show(
                "approval \(id) waits for another person: daybook approval grant \(id) --as NAME",
                ["approval": .string(id), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct Grant: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Agree; the requester cannot.",
            discussion: "An action's approval is signed with a password, through the running service: not here."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The approval.")
        var approval: String
        @Option(name: .long, help: "What the signature means.")
        var meaning = "approved"

        func run(in home: OpenHome) async throws {
            try await answer(.grant, approval, home, write, meaning: meaning)
        }
    }

    struct Reject: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Disagree, with a reason; the requester cannot.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The approval.")
        var approval: String

        func run(in home: OpenHome) async throws {
            try await answer(.reject, approval, home, write, meaning: "rejected")
        }
    }

    struct Withdraw: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Take your own request back, with a reason.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The approval.")
        var approval: String

        func run(in home: OpenHome) async throws {
            try await answer(.withdraw, approval, home, write, meaning: nil)
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the approvals, waiting ones first.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let approvals = try await home.read(asOf: try home.checkpoint(asOf)) { try Approvals.list($0) }
            let rows = approvals.map { row in
                [
                    row.approval, row.usedPosition == nil ? row.status : "used",
                    Words.short(row.target.map { "\(row.subject): \($0)" } ?? row.subject, 50),
                    Words.instant(row.requestedAt), home.name(of: row.requestedBy), home.name(of: row.decidedBy),
                    Words.door(row.decidedAuth), row.meaning.map { Words.short($0, 30) } ?? "-",
                    Words.instant(row.expiresAt), Words.short(row.statement),
                ]
            }
            home.printer.show(
                TextTable(
                    header: [
                        "APPROVAL", "STATUS", "FOR", "REQUESTED", "BY", "ANSWERED BY", "DOOR", "MEANING", "EXPIRES",
                        "STATEMENT",
                    ],
                    rows: rows,
                    empty: "no approvals"
                ).text,
                .array(approvals.map(\.json))
            )
        }
    }

    struct Rule: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Which actions need another person's approval.",
            subcommands: [List.self, Set.self]
        )

        struct List: HomeCommand {
            static let configuration = CommandConfiguration(abstract: "List the actions with their rules.")
            @OptionGroup var global: GlobalOptions
            @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
            var asOf: String?

            func run(in home: OpenHome) async throws {
                let known = try await home.read(asOf: try home.checkpoint(asOf)) { try Approvals.rules($0) }
                let rules = ApprovalAction.allCases.map { action in
                    (action, known.first { $0.action == action.rawValue })
                }
                let rows = rules.map { action, row in
                    [
                        action.rawValue, row?.isRequired == true ? "another person" : "nobody",
                        "\(row?.validHours ?? ApprovalRules.initial.validHours) h",
                        row.map { "\(Words.instant($0.setAt)) by \(home.name(of: $0.setBy))" } ?? "the program's own",
                        Words.short(row?.reason),
                    ]
                }
                let json = rules.map { action, row in
                    var members = row?.json.members ?? [:]
                    members["action"] = .string(action.rawValue)
                    members["is_required"] = .bool(row?.isRequired ?? ApprovalRules.initial.isRequired)
                    members["valid_hours"] = .integer(row?.validHours ?? ApprovalRules.initial.validHours)
                    members["set"] = .bool(row != nil)
                    return JSONValue.object(members)
                }
                home.printer.show(
                    TextTable(header: ["ACTION", "APPROVED BY", "VALID", "SET", "WHY"], rows: rows, empty: "").text,
                    .array(json)
                )
            }
        }

        struct Set: HomeCommand {
            /// The two positions of the switch.
            enum Switch: String, CaseIterable, ExpressibleByArgument {
                case on
                case off
            }

            static let configuration = CommandConfiguration(
                abstract: "Demand another person's approval for an action, or no longer; listed until reviewed."
            )
            @OptionGroup var global: GlobalOptions
            @OptionGroup var write: WriteOptions
            @Argument(help: "activation, config-runtime, config-trainer, restore or erasure.")
            var action: ApprovalAction
            @Argument(help: "on or off.")
            var position: Switch
            @Option(name: .long, help: "Hours from its request until an approval expires, 1 to 720; at first 72.")
            var validHours: Int?

            func run(in home: OpenHome) async throws {
                let command = SetApprovalRule(
                    action: action,
                    isRequired: position == .on,
                    validHours: validHours
                )
                let outcome = try await home.send(command, write)
                let needs = position == .on ? "needs another person's approval" : "needs nobody's approval"
                home.printer.show(
                    "\(action.rawValue) \(needs)",
                    [
                        "action": .string(action.rawValue), "is_required": .bool(position == .on),
                        "position": .position(outcome.appended?.first),
                    ]
                )
            }
        }
    }

    private static func answer(
        _ answer: AnswerApproval.Answer,
        _ approval: String,
        _ home: OpenHome,
        _ write: WriteOptions,
        meaning: String?
    ) async throws {
        let command = AnswerApproval(approval: approval, answer: answer, signer: home.actor.id.text)
        let outcome = try await home.send(command, write, meaning: meaning)
        let words =
            ["grant": "granted", "reject": "rejected", "withdraw": "withdrawn"][answer.rawValue] ?? answer.rawValue
        home.printer.show(
            "approval \(approval) is \(words)",
            ["approval": .string(approval), "status": .string(words), "position": .position(outcome.appended?.first)]
        )
    }
}
