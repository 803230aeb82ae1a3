internal import CanonicalJSON
package import EventStore
internal import RoutingDomain

/// An event as a line of syslog (RFC 5424) for a SIEM: who did what kind of thing where, and at which position of the log.
///
/// Facility 13 (log audit); severity notice, or warning for what needs an eye. Structured data under `daybook@32473`, the number
/// that RFC 5612 sets aside for such as have none of their own. The words of people stay in the log: where a type's sentence
/// would hold some, the message is the type alone, so that a redaction need not reach this file.
package enum SyslogLine {
    /// Types that are told with severity warning.
    private static let warnings: Set<String> = [
        "document.edit_found", "log.clock_stepped", "log.key_rotated", "log.rollback_accepted", "person.erased",
        "projection.event_parked", "projection.event_skipped", "read_model.repaired", "record.redacted",
    ]
    /// A message is cut at so many bytes.
    private static let mostBytes = 1_024

    /// The line with its line end, for a machine's name.
    package static func bytes(of event: RecordedEvent, host: String) throws -> [UInt8] {
        let metadata = try event.metadata()
        let type = event.type
        let severity = warnings.contains(type) ? 4 : 5
        let isSigned = metadata.meaning != nil || metadata.auth.hasPrefix("password/")
        var line =
            "<\(13 * 8 + severity)>1 \(Timestamp(microseconds: event.recordedAt)) \(name(host, most: 255)) daybook - "
        line += "\(type.utf8.count <= 32 ? name(type, most: 32) : "-") [daybook@32473"
        var parameters = [
            ("position", "\(event.position)"), ("actor", event.actor.text), ("type", type),
            ("stream", event.stream.text), ("stream_version", "\(event.streamVersion)"),
            ("command", event.commandID.text), ("auth", metadata.auth), ("signed", isSigned ? "true" : "false"),
        ]
        if let meaning = metadata.meaning { parameters.append(("meaning", meaning)) }
        if let request = metadata.requestID { parameters.append(("request_id", request)) }
        for (name, value) in parameters { line += " \(name)=\"\(escaped(value))\"" }
        let message = message(event)
        // Only a text beyond ASCII is marked as UTF-8, as the standard asks.
        let mark = message.utf8.allSatisfy { $0 < 0x80 } ? "" : "\u{feff}"
        return Array("\(line)] \(mark)\(message)\n".utf8)
    }

    /// The position that a line tells; nil for a line that is none of these.
    package static func position(of line: [UInt8]) -> Position? {
        let text = String(decoding: line, as: UTF8.self)
        guard text.hasPrefix("<"), let match = text.firstMatch(of: #/\[daybook@32473 position="(\d{1,19})"/#) else {
            return nil
        }
        return Position(match.output.1)
    }

    private static func message(_ event: RecordedEvent) -> String {
        guard !event.isRedacted, let payload = try? JSONReader.canonical(event.data),
            let current = try? EventCatalog.current(
                type: event.type,
                version: Int(event.schemaVersion),
                payload: payload
            ), current.schema.about.freeText.isDisjoint(with: current.schema.summary.fields)
        else { return event.type }
        let sentence = plain(current.schema.summary.sentence(current.members))
        guard sentence.utf8.count > mostBytes else { return sentence }
        return String(decoding: sentence.utf8.prefix(mostBytes - 4), as: UTF8.self) + "…"
    }

    /// Without control characters: a line is a line.
    private static func plain(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for scalar in plain(value).unicodeScalars {
            if scalar == "\"" || scalar == "\\" || scalar == "]" { text.unicodeScalars.append("\\") }
            text.unicodeScalars.append(scalar)
        }
        return text
    }

    /// A name of the head: visible ASCII; `-` for none.
    private static func name(_ text: String, most: Int) -> String {
        let visible = text.unicodeScalars.filter { (0x21...0x7e).contains($0.value) }.prefix(most)
        return visible.isEmpty ? "-" : String(String.UnicodeScalarView(visible))
    }
}
