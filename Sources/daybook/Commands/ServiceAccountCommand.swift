import Accounts
import ArgumentParser
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import ReadModels
import RoutingDomain
import SignIn

struct ServiceAccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service-account",
        abstract: "Programs that call the service: accounts, and keys of a scope for some days.",
        subcommands: [List.self, Create.self, Issue.self, Revoke.self]
    )

    struct List: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "List the accounts and their keys.")
        @OptionGroup var global: GlobalOptions

        func run(in home: OpenHome) async throws {
            let (accounts, keys) = try await home.read { db in
                (try ServiceKeys.accounts(db, limit: 100_000).rows, try ServiceKeys.page(db, limit: 100_000).rows)
            }
            let names = Dictionary(accounts.map { ($0.account, $0.name) }) { first, _ in first }
            let rows = accounts.filter { account in !keys.contains { $0.account == account.account } }.map {
                [$0.name, "-", "-", "no key", "-"]
            }
            home.printer.show(
                TextTable(
                    header: ["ACCOUNT", "KEY", "SCOPE", "STATUS", "GOOD UNTIL"],
                    rows: rows
                        + keys.map {
                            [names[$0.account] ?? "-", $0.keyId, $0.scope, $0.status, Words.instant($0.expiresAt)]
                        },
                    empty: "no service accounts; `daybook service-account create NAME` makes one"
                ).text,
                ["accounts": .array(accounts.map(\.json)), "keys": .array(keys.map(\.json))]
            )
        }
    }

    struct Create: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "Give a program an account.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "Its name: lower case letters, digits and dashes.")
        var name: String

        func run(in home: OpenHome) async throws {
            let account = ShortIdentifier.pseudonym(actor: home.actor.id, idempotencyKey: write.idempotencyKey)
            let outcome = try await home.send(CreateServiceAccount(account: account, name: name), write)
            home.printer.show(
                "\(name) acts as \(account)",
                ["account": .string(account), "name": .string(name), "position": .position(outcome.appended?.first)]
            )
        }
    }

    struct Issue: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issue a key; its text is shown once and kept nowhere.",
            discussion: "--out writes it to a new file that only you may read, so that it stands in no terminal."
        )
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The account's name.")
        var name: String
        @Option(
            name: .long,
            help:
                "Of read, observe, export, operate, train, maintain and report; several with commas between, or each with its own --scope."
        )
        var scope: [String]
        @Option(name: .long, help: "How many days it is good.")
        var days = 90
        @Option(name: .long, help: "The key that it replaces, which goes on beside it for --overlap hours.")
        var replaces: String?
        @Option(name: .long, help: "Hours that the replaced key goes on.")
        var overlap = 24
        @Option(name: .long, help: "A new file for the key, mode 0600.")
        var out: String?

        func run(in home: OpenHome) async throws {
            try write.refuseKey(for: "a key")
            let name = name
            let account = try await home.read { try ServiceKeys.accounts($0, limit: 100_000).rows }
                .first { $0.name == name }
            guard let account else {
                throw Failure(
                    "service-account.unknown",
                    "there is no service account \(name.prefix(100))",
                    hint: "`daybook service-account list` shows them",
                    status: ExitStatus.badData
                )
            }
            let command = IssueServiceKey(
                keyId: UUID().text,
                account: account.account,
                scope: scope.flatMap { $0.split(separator: ",").map { String($0.trimmingPrefix(" ")) } },
                days: days,
                predecessor: replaces,
                overlapHours: overlap
            )
            // The place is taken first: a key that could not be written down would be lost.
            if let out { try ProofFiles.create([], at: out, isSecret: true) }
            let told: JSONValue
            do {
                told = try await issue(command, in: home).told
            } catch {
                if let out { unlink(out) }
                throw error
            }
            let (key, id, end) = (try told.secret("key"), try told.secret("key_id"), try told.secret("expires_at"))
            if let out { try DurableFile.write(Array((key + "\n").utf8), to: out, mode: 0o600) }
            home.printer.show(
                "key \(id) for \(command.scope.joined(separator: ", ")), good until \(Words.instant(end))\n\(out ?? key)",
                [
                    "key_id": .string(id), "expires_at": .string(end), out == nil ? "key" : "file": .string(out ?? key),
                ]
            )
        }

        private func issue(_ command: IssueServiceKey, in home: OpenHome) async throws -> OpenHome.AccountDeed {
            var fields: [String: JSONValue] = [
                "scope": .array(command.scope.map { .string($0) }), "days": .integer(command.days),
                "overlap_hours": .integer(command.overlapHours),
            ]
            fields["predecessor"] = command.predecessor.map { .string($0) }
            let route = "/api/v1/service-accounts/\(command.account)/keys"
            return try await home.administer(command, at: route, with: fields, write) {
                let (key, issued, outcome) = try await $0.issueServiceKey(command, by: $1, expecting: $2.expecting)
                let told: JSONValue = [
                    "key": .string(key), "key_id": .string(issued.keyId),
                    "expires_at": .string(issued.expiresAt.description),
                ]
                return (outcome, told)
            }
        }
    }

    struct Revoke: HomeCommand {
        static let configuration = CommandConfiguration(abstract: "End a key; the next request with it is refused.")
        @OptionGroup var global: GlobalOptions
        @OptionGroup var write: WriteOptions
        @Argument(help: "The key's identifier.")
        var key: String

        func run(in home: OpenHome) async throws {
            let outcome = try await home.send(RevokeServiceKey(keyId: key), write)
            home.printer.show(
                "key \(key) is revoked (position \(outcome.appended.map { String($0.first) } ?? "-"))",
                ["key_id": .string(key), "position": .position(outcome.appended?.first)]
            )
        }
    }
}
