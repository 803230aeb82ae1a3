import Foundation
import Serving

/// The addresses of a worker that listens: for whoever sits at its machine, and for others.
struct WorkerURL {
    private let settings: Settings
    private let port: Int
    private let isSecure: Bool

    init(_ settings: Settings, port: Int, isSecure: Bool) {
        (self.settings, self.port, self.isSecure) = (settings, port, isSecure)
    }

    private var host: String { settings.text("inference.host") }
    private var listensEverywhere: Bool { ["0.0.0.0", "::"].contains(host) }

    /// Where it is reached on its own machine.
    var own: String { url(listensEverywhere || Self.isLoopback(host) ? "localhost" : host) }

    /// What the control service is told; nil where it could only reach a machine of its own by that.
    func told(isRemote: Bool) -> String? {
        let given = settings.text("inference.url")
        guard given.isEmpty else { return given }
        guard listensEverywhere else { return isRemote && Self.isLoopback(host) ? nil : own }
        let names = settings.list("server.hostnames")
        guard isRemote else { return names.first.map(url) ?? own }
        return url(names.first { !Self.isLoopback($0) } ?? ProcessInfo.processInfo.hostName)
    }

    /// Throws unless `inference.url` is empty or an address that a control service takes.
    static func check(_ settings: Settings) throws {
        let given = settings.text("inference.url")
        guard !given.isEmpty, given.wholeMatch(of: /https?:\/\/[A-Za-z0-9._:\[\]\-]+/) == nil || given.count > 300
        else {
            return
        }
        throw Failure(
            "settings",
            "inference.url is \(given.prefix(100))",
            hint: "name scheme, host and port and nothing else, for example https://line-1:7444",
            status: ExitStatus.configuration
        )
    }

    private func url(_ name: String) -> String {
        "\(isSecure ? "https" : "http")://\(name.contains(":") ? "[\(name)]" : name):\(port)"
    }

    private static func isLoopback(_ name: String) -> Bool {
        ["localhost", "::1"].contains(name.lowercased()) || name.wholeMatch(of: /127(\.[0-9]+){3}/) != nil
    }
}
