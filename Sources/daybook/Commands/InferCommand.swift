import ArgumentParser
import Foundation
import Serving

/// Answers proposals by the active version of a home.
struct InferCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "infer",
        abstract: "Answer proposals by the active version, and change it while running, until interrupted.",
        discussion: """
            On the home's own machine it follows the log itself; with --url it follows a control service, keeps what it needs beneath \
            --home, and serves on while that is away. Settings stand in config/daybook.yaml under `inference`; the environment \
            (DAYBOOK_INFERENCE_PORT) goes before them, and these options before both. docs/inference.md explains the service. Any number \
            of workers runs for a home, each under a name of its own.
            """
    )
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: ArgumentHelp("The worker's name; the machine's unless said.", valueName: "name"))
    var worker: String?
    @Option(name: .long, help: "Port to listen on; 0 takes a free one.")
    var port: Int?
    @Option(name: .long, help: "Address to listen on.")
    var host: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Follow the control service of another machine: https://plant.example:7443.",
            valueName: "url"
        )
    )
    var url: String?
    @Option(
        name: .long,
        help: ArgumentHelp("The file with the service key for it, of the scopes read and report.", valueName: "file")
    )
    var tokenFile: String?
    @Option(name: .long, help: ArgumentHelp("The authority's certificate (PEM) of that service.", valueName: "file"))
    var ca: String?
    @Flag(name: .long, help: "Serve plain HTTP without TLS: on this machine, or behind a proxy that ends TLS.")
    var insecureHttp = false

    func run() async throws {
        var flags: [String: Setting.Value] = [:]
        flags["inference.port"] = port.map { .integer($0) }
        flags["inference.host"] = host.map { .text($0) }
        flags["inference.worker"] = worker.map { .text($0) }
        if insecureHttp { flags["server.insecure-http"] = .boolean(true) }
        var server = InferenceServer(global: global, settings: try ServeCommand.settings(global, flags: flags))
        server.remote = try control()
        try await server.run()
    }

    private func control() throws -> CommandsOverHTTP? {
        guard let url else {
            guard tokenFile == nil, ca == nil else { throw ValidationError("--token-file and --ca go with --url") }
            return nil
        }
        guard let tokenFile else { throw ValidationError("--url needs --token-file") }
        let words = ["--url", url, "--token-file", tokenFile] + (ca.map { ["--ca", $0] } ?? [])
        return try RemoteCommand.Options.parse(words).server()
    }
}
