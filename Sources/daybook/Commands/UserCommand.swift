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
            let sender = try await home.sender(write)
            try await UserCommand.act(target, home, write, "\(role.rawValue) now") { id in
                try await home.door().doorkeeper.approve(id, as: role, by: sender)
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
            let sender = try await home.sender(write)
            try await UserCommand.act(target, home, write, "turned away") { id in
                try await home.door().doorkeeper.reject(id, by: sender)
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
            try await UserCommand.act(target, home, write, "\(role.rawValue) now") { id in
                try await home.append(ChangeRole(userId: id.text, role: role), write)
            }
        }
    }

    struct Disable: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Keep a user out until enabled again; sessions end.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            let sender = try await home.sender(write)
            try await UserCommand.act(target, home, write, "kept out") { id in
                try await home.door().doorkeeper.disable(id, by: sender)
            }
        }
    }

    struct Enable: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Let a disabled user in again.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, write, "let in again") { id in
                try await home.append(EnableUser(userId: id.text), write)
            }
        }
    }

    struct EndSessions: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "End every session of a user.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @OptionGroup var target: Target

        func run(in home: OpenHome) async throws {
            try await UserCommand.act(target, home, write, "logged out everywhere") { id in
                try await home.append(RevokeSessions(userId: id.text), write)
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
            let door = try await home.door().doorkeeper
            let id = try target.id(in: home)
            let code = try await door.issueCode(for: id, .passwordReset, by: try await home.sender(write))
            await home.follow()
            home.printer.show(
                "code for \(home.name(of: id.text)): \(code.text)\nIt is shown once; hand it over by another way.",
                ["user": .string(id.text), "code": .string(code.text)]
            )
        }
    }

    struct FirstCode: HomeCommand {
        static let configuration = CommandConfiguration(
            commandName: "first-code",
            abstract: "Issue the one-time code of the first administrator, while nobody administers the home."
        )
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let door = try await home.door().doorkeeper
            let code = try await door.issueCode(for: UUID(), .firstAdmin, by: try await home.sender())
            await home.follow()
            home.printer.show("first administrator's one-time code: \(code.text)", ["code": .string(code.text)])
        }
    }

    /// Does something about one user, and says it.
    private static func act(
        _ target: Target,
        _ home: OpenHome,
        _ write: WriteOptions,
        _ words: String,
        deed: (UUID) async throws -> CommandOutcome
    ) async throws {
        let id = try target.id(in: home)
        try write.proving.prepare()
        let outcome = try await deed(id)
        if let appended = outcome.appended { await home.prove(appended, write.proving) }
        await home.follow()
        let position = outcome.appended?.first
        home.printer.show(
            "\(home.name(of: id.text)): \(words) (position \(position.map(String.init) ?? "-"))",
            ["user": .string(id.text), "position": .position(position)]
        )
    }
}

extension Role: ExpressibleByArgument {}
extension UserStatus: ExpressibleByArgument {}
