import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import ReadModels
import RoutingDomain
import SignIn

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "People with accounts: who waits, approve, reject, roles, disable, one-time codes.",
        subcommands: [
            List.self, Approve.self, Reject.self, ChangeUserRole.self, Disable.self, Enable.self, EndSessions.self,
            Reset.self, FirstCode.self,
        ]
    )

    /// What every command about one user takes.
    struct Target: ParsableArguments {
        @Argument(help: "The user: pseudonym, mail address or name.")
        var user: String

        /// The pseudonym that is meant.
        func id(in home: OpenHome) throws -> UUID {
            if let id = UUID(uuidString: user) { return id }
            if user.contains("@"), let id = try home.people.credential(of: try MailAddress(user))?.id { return id }
            if let id = try home.people.person(named: user)?.id { return id }
            throw Failure(
                "user.unknown",
                "nobody has the address or name \(user.prefix(100))",
                hint: "`daybook user list` shows who has an account",
                status: ExitStatus.badData
            )
        }
    }

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List who has an account, and who waits for one.")
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: "Only these: pending, active, disabled, rejected or erased.")
        var status: UserStatus?
        @Option(name: .long, help: "Only this role.")
        var role: Role?
        @Option(name: .long, help: ArgumentHelp("As it was then.", valueName: "position|time|snapshot"))
        var asOf: String?

        func run(in home: OpenHome) async throws {
            let (status, role) = (status?.rawValue, role?.rawValue)
            let page = try await home.read(asOf: try home.checkpoint(asOf)) {
                try Users.page($0, status: status, role: role, limit: 100_000)
            }
            let rows = try page.rows.map { row in
                let credential = try UUID(uuidString: row.userId).flatMap { try home.people.credential(id: $0) }
                let name = row.status == UserStatus.pending.rawValue ? credential?.name : nil
                return [
                    name ?? home.name(of: row.userId), credential?.address.text ?? "-", row.status, row.role ?? "-",
                    Words.instant(row.since), row.userId,
                ]
            }
            home.printer.show(
                TextTable(
                    header: ["NAME", "ADDRESS", "STATUS", "ROLE", "SINCE", "PSEUDONYM"],
                    rows: rows,
                    empty: "nobody has an account; `daybook serve` lets people sign up"
                ).text,
                .array(page.rows.map { $0.json.named(home.name(of: $0.userId)) })
            )
        }
    }

    struct Approve: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Let a pending user in with a role.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target
        @Option(name: .long, help: "viewer, operator, trainer, approver, auditor or admin.")
        var role: Role

        func run(in home: OpenHome) async throws {
            let (role, fields) = (role, ["role": JSONValue.string(role.rawValue)])
            try await UserCommand.act(target, home, "\(role.rawValue) now") { id in
                let command = ApproveUser(userId: id.text, role: role)
                return try await home.administer(command, at: "/api/v1/users/\(id.text)/approve", with: fields, write) {
                    (try await $0.approve(id, as: role, by: $1, $2), .null)
                }
                .outcome
            }
        }
    }

    struct Reject: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Turn a pending user away; address, name and password go."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, "turned away") { id in
                let command = RejectUser(userId: id.text)
                return try await home.administer(command, at: "/api/v1/users/\(id.text)/reject", write) {
                    (try await $0.reject(id, by: $1, $2), .null)
                }
                .outcome
            }
        }
    }

    struct ChangeUserRole: HomeCommand {
        static let configuration = CommandConfiguration(commandName: "role", abstract: "Give a user another role.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target
        @Argument(help: "viewer, operator, trainer, approver, auditor or admin.")
        var role: Role

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, "\(role.rawValue) now") { id in
                try await home.send(ChangeRole(userId: id.text, role: role), write)
            }
        }
    }

    struct Disable: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Keep a user out until enabled again; sessions end.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, "kept out") { id in
                let command = DisableUser(userId: id.text)
                return try await home.administer(command, at: "/api/v1/users/\(id.text)/disable", write) {
                    (try await $0.disable(id, by: $1, $2), .null)
                }
                .outcome
            }
        }
    }

    struct Enable: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, "let in again") { id in
                try await home.send(EnableUser(userId: id.text), write)
            }
        }
    }

    struct EndSessions: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "End every session of a user.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, "logged out everywhere") { id in
                try await home.send(RevokeSessions(userId: id.text), write)
            }
        }
    }

    struct Reset: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issue a one-time code for a forgotten password, good once and for 24 hours."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try write.refuseKey(for: "a code")
            let id = try target.id(in: home)
            let command = IssueCode(userId: id.text, purpose: .passwordReset)
            let done = try await home.administer(command, at: "/api/v1/users/\(id.text)/reset", write) {
                let (code, outcome) = try await $0.issueCode(
                    for: id,
                    .passwordReset,
                    by: $1,
                    expecting: $2.expecting
                )
                return (outcome, ["code": .string(code.text)])
            }
            let code = try done.told.secret("code")
            home.printer.show(
                "code for \(home.name(of: id.text)): \(code)\nIt is shown once; hand it over by another way.",
                ["user": .string(id.text), "code": .string(code), "position": .position(done.outcome.appended?.first)]
            )
        }
    }

    struct FirstCode: HomeCommand {
        static let configuration = CommandConfiguration(
            commandName: "first-code",
            abstract: "Issue the one-time code of the first administrator, while nobody administers the home."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions

        func run(in home: OpenHome) async throws {
            try write.refuseKey(for: "a code")
            let id = UUID()
            let command = IssueCode(userId: id.text, purpose: .firstAdmin)
            let done = try await home.administer(command, at: "/api/v1/users/first-code", write) {
                let (code, outcome) = try await $0.issueCode(for: id, .firstAdmin, by: $1, expecting: $2.expecting)
                return (outcome, ["code": .string(code.text)])
            }
            let code = try done.told.secret("code")
            home.printer.show(
                "first administrator's one-time code: \(code)",
                ["code": .string(code), "position": .position(done.outcome.appended?.first)]
            )
        }
    }

    /// Does something about one user, and says it.
    private static func act(
        _ target: Target,
        _ home: OpenHome,
        _ words: String,
        deed: (UUID) async throws -> CommandOutcome
    ) async throws {
        let id = try target.id(in: home)
        let position = try await deed(id).appended?.first
        home.printer.show(
            "\(home.name(of: id.text)): \(words) (position \(position.map(String.init) ?? "-"))",
            ["user": .string(id.text), "position": .position(position)]
        )
    }
}

extension JSONValue {
    /// A code or key that an answer holds; it is on disk that there is one, so whoever does not get it asks for another.
    func secret(_ name: String) throws -> String {
        if let text = self[name]?.text { return text }
        throw Failure(
            "server.answer",
            "it was issued, but the server's answer does not hold the \(name)",
            hint: "bring program and server to the same version, and issue another",
            status: ExitStatus.tryAgain
        )
    }
}

extension Role: ExpressibleByArgument {}
extension UserStatus: ExpressibleByArgument {}
