internal import CanonicalJSON
package import Logging

/// Writes log lines as JSON: one object a line, valid whatever stands in it, keys from one list.
///
/// Values of keys that the list does not know are left out: so nothing reaches the log because someone attached it. A line is cut
/// at 8 KiB of message or value.
package struct JSONLinesLog: LogHandler {
    /// The keys that a line may have, beside `ts`, `level` and `message`.
    package static let keys: Set<String> = [
        "request_id", "trace_id", "user_id", "active_version", "latency_ms", "cache_hit", "ef_search", "event_type",
        "position",
        "projection", "method", "route", "path", "status", "code", "error", "address", "expires", "names",
        "fingerprint", "files", "bytes", "lines",
    ]
    private static let numbers: Set<String> = [
        "latency_ms", "status", "position", "ef_search", "files", "bytes", "lines",
    ]

    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let moment: @Sendable () -> String
    private let sink: @Sendable ([UInt8]) -> Void

    /// A log whose lines, each with its line end, go to `sink`; `moment` gives the time in RFC 3339.
    package init(
        level: Logger.Level = .info,
        moment: @escaping @Sendable () -> String,
        sink: @escaping @Sendable ([UInt8]) -> Void
    ) {
        logLevel = level
        self.moment = moment
        self.sink = sink
    }

    /// Metadata that every line of this logger carries.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    package func log(event: LogEvent) {
        var line: [UInt8] = Array("{\"ts\":".utf8)
        JSONValue.appendCanonical(moment(), to: &line)
        append("level", event.level.rawValue, to: &line)
        append("message", "\(event.message)", to: &line)
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for key in all.keys.sorted() where Self.keys.contains(key) {
            guard let value = all[key].map({ "\($0)" }) else { continue }
            if Self.numbers.contains(key), Int(value) != nil {
                line += Array(",\"\(key)\":\(value)".utf8)
            } else {
                append(key, value, to: &line)
            }
        }
        line += [UInt8(ascii: "}"), UInt8(ascii: "\n")]
        sink(line)
    }

    private func append(_ key: String, _ value: String, to line: inout [UInt8]) {
        line += Array(",\"\(key)\":".utf8)
        Self.appendText(value, to: &line)
    }

    /// Appends a text as JSON, quotes included, so that no reader and no terminal takes it for more; cut at 8 KiB.
    package static func appendText(_ value: String, to line: inout [UInt8]) {
        var quoted: [UInt8] = []
        JSONValue.appendCanonical(value.utf8.count <= 8_192 ? value : String(value.prefix(8_192)), to: &quoted)
        guard quoted.contains(where: { $0 >= 0x7f }) else { return line += quoted }
        // Legal in JSON, yet a line end to some readers and a command to some terminals.
        for scalar in String(decoding: quoted, as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x7f...0x9f, 0x2028, 0x2029:
                let digits = String(scalar.value, radix: 16)
                line += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
            default: line += Array(String(scalar).utf8)
            }
        }
    }
}
