import ArgumentParser
import CanonicalJSON
import DurableFiles
import Foundation
import NIOSSL
import RoutingDomain

/// Works on a home of another machine, through its server.
struct RemoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remote",
        abstract: "Send commands to the server of another machine, and follow its log.",
        discussion: """
            Needs no home here. The token is a service key's or a session's, in a file that only you can read; --ca names the \
            server's own authority, which its /ca page gives.
            """,
        subcommands: [Send.self, Events.self]
    )

    /// Where the server is, and who calls.
    struct Options: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp("The server, for example https://plant.example:7443.", valueName: "url")
        )
        var url: String
        @Option(name: .long, help: ArgumentHelp("The file that holds the token.", valueName: "file"))
        var tokenFile: String
        @Option(
            name: .long,
            help: ArgumentHelp("The authority's certificate (PEM), where no public one signed.", valueName: "file")
        )
        var ca: String?
        @Flag(name: .long, help: "Print JSON for programs instead of text for people.")
        var json = false

        /// The server as commands reach it; throws for a token that others can read, and for one that would travel in the clear.
        func server() throws -> CommandsOverHTTP {
            guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
                let host = parts.host,
                ["https", "http"].contains(scheme), ["", "/"].contains(parts.path), parts.query == nil
            else {
                throw ValidationError(
                    "--url \(url.prefix(200)) is no server's address, for example https://plant.example:7443"
                )
            }
            let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
            guard scheme == "https" || ["localhost", "127.0.0.1", "::1"].contains(name) else {
                throw ValidationError(
                    "--url \(url.prefix(200)): a token goes over https only, or to this machine itself"
                )
            }
            var exchange = HTTPExchange(
                place: .host(
                    name,
                    port: parts.port ?? (scheme == "https" ? 443 : 80),
                    tls: scheme == "https" ? try tls() : nil
                )
            )
            exchange.patience = 60
            return CommandsOverHTTP(exchange: exchange, server: "the server at \(url)", token: try token())
        }

        private func tls() throws -> NIOSSLContext {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            do {
                if let ca { configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(ca)) }
                return try NIOSSLContext(configuration: configuration)
            } catch {
                throw Failure(
                    "tls.ca",
                    "\(ca ?? "the system's authorities") cannot be read as certificates: \(error)",
                    hint: "take the file from the server's /ca page, and compare its fingerprint",
                    status: ExitStatus.configuration
                )
            }
        }

        private func token() throws -> String {
            try PlainFile.require(tokenFile, limit: 8_192)
            let mode = try FileManager.default.attributesOfItem(atPath: tokenFile)[.posixPermissions] as? Int ?? 0
            guard mode & 0o077 == 0 else {
                throw Failure(
                    "token.readable",
                    "\(tokenFile) can be read by others",
                    hint: "chmod 600, and replace the key if somebody may have read it",
                    status: ExitStatus.configuration
                )
            }
            let text = String(decoding: try DurableFile.read(tokenFile, limit: 8_192), as: UTF8.self)
            let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
            guard !token.isEmpty, token.utf8.allSatisfy({ 0x21...0x7e ~= $0 }) else {
                throw Failure(
                    "token.syntax",
                    "\(tokenFile) holds no token",
                    hint: "it holds the token's text and nothing else",
                    status: ExitStatus.badData
                )
            }
            return token
        }
    }

    struct Send: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send one command of the catalogue with its fields.",
            discussion: "The server's /docs lists the commands with their fields; those of its own machine are refused."
        )
        @OptionGroup var options: Options
        @OptionGroup var write: WriteOptions
        @Argument(help: "The command, for example patch-config.")
        var name: String
        @Argument(help: ArgumentHelp("Its fields as a JSON object.", valueName: "json"))
        var fields: String
        @Option(name: .long, help: "What the signature means.")
        var meaning: String?

        func run() async throws {
            guard CommandCatalog.all.contains(where: { $0.name == name }) else {
                let names = CommandCatalog.all.filter { !$0.isLocal }.map { $0.name }.joined(separator: ", ")
                throw ValidationError(
                    "\(name.prefix(100)) is no command; those that a remote server takes are \(names)"
                )
            }
            guard write.proving.folder == nil, !write.console else {
                throw ValidationError("--proof and --console belong to a home of this machine")
            }
            var envelope = CommandsOverHTTP.Envelope(reason: write.statedReason, meaning: meaning)
            envelope.expecting = try write.expectations()
            envelope.idempotencyKey = write.idempotencyKey
            let answer = try await options.server().send(name, try document(), envelope)
            let events = (answer["events"]?.elements ?? []).compactMap { $0["type"]?.text }.joined(separator: ", ")
            let position = answer["position"]?.number.map { "position \($0)" } ?? "nothing was to be done"
            Printer(asJSON: options.json).show(events.isEmpty ? position : "\(position): \(events)", answer)
        }

        private func document() throws -> JSONValue {
            do {
                return try JSONReader.plain(fields)
            } catch {
                throw Failure(
                    "command.fields",
                    "the fields are not JSON: \(error)",
                    hint: "quote them for the shell",
                    status: ExitStatus.badData
                )
            }
        }
    }

    struct Events: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print events from a position on, and with --follow each new one as it happens."
        )
        @OptionGroup var options: Options
        @Option(name: .long, help: "From this position on.")
        var from: UInt64 = 0
        @Option(name: .long, help: "Only this event type, or with a star at its end its beginning.")
        var type: String?
        @Flag(name: .shortAndLong, help: "Go on until interrupted.")
        var follow = false

        func run() async throws {
            let (server, follow, start) = (try options.server(), follow, from)
            let printer = Printer(asJSON: options.json)
            if let type, type.wholeMatch(of: /[a-z_.*]{1,100}/) == nil {
                throw ValidationError("--type \(type) is no type")
            }
            let follower = FeedFollower(server: server, type: type)
            try await withInterruption {
                if follow {
                    try await follower.follow(from: start) { printer.stream(EventJSON.line($0), $0) }
                } else {
                    try await follower.pages(from: start, to: nil) { printer.stream(EventJSON.line($0), $0) }
                }
            }
        }
    }
}
