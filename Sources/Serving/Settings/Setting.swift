/// One setting of the service: its name, what it may be, and what it is when nobody sets it.
package struct Setting: Sendable, Equatable {
    /// What a value may be.
    package enum Kind: Sendable, Equatable {
        case integer(ClosedRange<Int>)
        case text
        case boolean
        /// Texts; separated by commas in the environment.
        case list
        /// The path of a file that holds a secret; the secret itself stands in no setting.
        case secretFile
    }

    /// A value of a setting.
    package enum Value: Sendable, Equatable {
        case integer(Int)
        case text(String)
        case boolean(Bool)
        case list([String])
    }

    /// Its name: words with points between, sections first.
    package let key: String
    /// What it may be.
    package let kind: Kind
    /// Its value when nobody sets it; nil for none.
    package let standard: Value?
    /// One sentence for the documentation.
    package let summary: String

    /// A setting.
    package init(_ key: String, _ kind: Kind, _ standard: Value?, _ summary: String) {
        self.key = key
        self.kind = kind
        self.standard = standard
        self.summary = summary
    }

    /// Its variable of the environment: `DAYBOOK_SERVER_PORT` of `server.port`.
    package var variable: String {
        "DAYBOOK_" + key.uppercased().replacing(".", with: "_").replacing("-", with: "_")
    }

    /// The settings of the service itself, in the order of the documentation.
    package static let service: [Setting] = [
        Setting("server.host", .text, .text("127.0.0.1"), "Address to listen on; 0.0.0.0 for all of IPv4, :: for all."),
        Setting("server.port", .integer(0...65_535), .integer(7_443), "Port; 0 takes a free one."),
        Setting(
            "server.hostnames",
            .list,
            .list(["localhost", "127.0.0.1", "::1"]),
            "Host names and addresses of the certificate, and those that requests may ask for."
        ),
        Setting("server.insecure-http", .boolean, .boolean(false), "Serve plain HTTP without TLS."),
        Setting("server.socket", .boolean, .boolean(true), "Listen on the local socket data/daybook.sock as well."),
        Setting(
            "server.shutdown-seconds",
            .integer(1...600),
            .integer(30),
            "How long running requests may take to finish at the end."
        ),
        Setting("limits.connections", .integer(1...100_000), .integer(1_024), "Connections in all."),
        Setting("limits.connections-per-address", .integer(1...100_000), .integer(128), "Connections of one address."),
        Setting(
            "limits.body-bytes",
            .integer(1_024...(1 << 30)),
            .integer(2 << 20),
            "Bytes of a request's body, where the route states nothing else."
        ),
        Setting("limits.head-seconds", .integer(1...600), .integer(10), "Time for the head of a request."),
        Setting(
            "limits.body-seconds",
            .integer(1...3_600),
            .integer(60),
            "Time for the body of a request that does not stream."
        ),
        Setting(
            "limits.write-stall-seconds",
            .integer(1...600),
            .integer(30),
            "How long an answer may wait for the client to read on."
        ),
        Setting(
            "log.level",
            .text,
            .text("info"),
            "Least level of diagnostics: trace, debug, info, notice, warning, error, critical."
        ),
    ]
}

/// A setting that cannot be taken: where it stands and what to do.
///
/// Nothing is started with half of the settings.
package struct SettingsFault: Error, Equatable, CustomStringConvertible {
    /// What is wrong and where.
    package let message: String
    /// What the operator can do.
    package let hint: String

    package init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message) (\(hint))" }
}
