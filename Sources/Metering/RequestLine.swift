internal import CanonicalJSON
internal import Observing
internal import RoutingDomain
internal import Serving

/// The line of one request: a JSON object of fixed keys, in their order, made without anything in between.
///
/// Every line has the keys of ``RequestLine/keys``; what is not known is null. Nothing that a person typed stands in it but the
/// method, as a JSON text.
enum RequestLine {
    /// The keys of every line, in their order.
    static let keys = [
        "ts", "request_id", "trace_id", "user_id", "active_version", "latency_ms", "cache_hit", "ef_search", "method",
        "route", "path", "status", "code",
    ]

    static func append(_ request: RequestRecord, at moment: Int64, version: String, to bytes: inout [UInt8]) {
        bytes += "{\"ts\":\"".utf8
        bytes += CivilTime.text(of: moment).utf8
        bytes += "\",\"request_id\":".utf8
        text(request.requestID, &bytes)
        bytes += ",\"trace_id\":\"".utf8
        bytes += request.traceID.utf8
        bytes += "\",\"user_id\":".utf8
        text(request.actor, &bytes)
        bytes += ",\"active_version\":".utf8
        text(version.isEmpty ? nil : version, &bytes)
        bytes += ",\"latency_ms\":".utf8
        milliseconds(request.nanoseconds, &bytes)
        bytes += ",\"cache_hit\":".utf8
        bytes += (request.notes.cacheHit.map { $0 ? "true" : "false" } ?? "null").utf8
        bytes += ",\"ef_search\":".utf8
        bytes += (request.notes.efSearch.map { "\($0)" } ?? "null").utf8
        bytes += ",\"method\":".utf8
        text(request.method.map { $0.utf8.count <= 32 ? $0 : String($0.prefix(32)) }, &bytes)
        bytes += ",\"route\":".utf8
        text(request.route, &bytes)
        bytes += ",\"path\":".utf8
        text(request.path, &bytes)
        bytes += ",\"status\":".utf8
        number(Int64(request.status), &bytes)
        bytes += ",\"code\":".utf8
        text(request.code, &bytes)
        bytes += "}\n".utf8
    }

    private static func text(_ text: String?, _ bytes: inout [UInt8]) {
        guard let text else { return bytes += "null".utf8 }
        // Most of these are plain words; only what is not takes the long way.
        let isPlain = text.utf8.allSatisfy {
            $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        guard !isPlain else {
            bytes.append(UInt8(ascii: "\""))
            bytes += text.utf8
            bytes.append(UInt8(ascii: "\""))
            return
        }
        JSONLinesLog.appendText(text, to: &bytes)
    }

    /// Milliseconds with three digits: a thousandth is a microsecond.
    private static func milliseconds(_ nanoseconds: Int64, _ bytes: inout [UInt8]) {
        let microseconds = max(0, nanoseconds) / 1_000
        number(microseconds / 1_000, &bytes)
        let rest = microseconds % 1_000
        bytes.append(UInt8(ascii: "."))
        bytes.append(UInt8(ascii: "0") + UInt8(rest / 100))
        bytes.append(UInt8(ascii: "0") + UInt8(rest / 10 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
    }

    private static func number(_ number: Int64, _ bytes: inout [UInt8]) { bytes += "\(number)".utf8 }
}
