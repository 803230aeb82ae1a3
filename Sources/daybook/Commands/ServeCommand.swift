import ArgumentParser
import ControlAPI
import Foundation
import Serving

/// Serves a home over HTTP.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the home over HTTPS and a local socket, until interrupted.",
        discussion: """
            Settings stand in config/daybook.yaml; the environment (DAYBOOK_SERVER_PORT) goes before them, and these options before \
            both. docs/http.md and docs/jobs.md list them all. One server runs for a home at a time.
            """
    )
    @OptionGroup var global: GlobalOptions
    @Option(name: .long, help: "Port to listen on; 0 takes a free one.")
    var port: Int?
    @Option(name: .long, help: "Address to listen on.")
    var host: String?
    @Flag(name: .long, help: "Serve plain HTTP without TLS: on this machine, or behind a proxy that ends TLS.")
    var insecureHttp = false

    func run() async throws {
        var flags: [String: Setting.Value] = [:]
        flags["server.port"] = port.map { .integer($0) }
        flags["server.host"] = host.map { .text($0) }
        if insecureHttp { flags["server.insecure-http"] = .boolean(true) }
        try await Server(global: global, settings: try Self.settings(global, flags: flags)).run()
    }

    /// The settings of the home's service; throws a failure that names the place of a wrong one.
    static func settings(_ global: GlobalOptions, flags: [String: Setting.Value]) throws -> Settings {
        try global.folders.serviceSettings(flags: flags)
    }
}
