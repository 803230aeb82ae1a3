package import Observing
package import Serving

extension Observation {
    /// The settings of the request log, of counting and of the file for a SIEM.
    package static let settings = [
        Setting(
            "requests.log",
            .boolean,
            .boolean(true),
            "Write a line for each request to requests.jsonl; else it stands among the diagnostics."
        ),
        Setting(
            "requests.folder",
            .text,
            .text("logs"),
            "The folder of requests.jsonl and of siem.log; a relative path counts from the home."
        ),
        Setting(
            "requests.file-bytes",
            .integer(4_096...(1 << 40)),
            .integer(64 << 20),
            "Bytes after which requests.jsonl gives way to the next file; a day's end does so too (UTC)."
        ),
        Setting(
            "requests.keep-days",
            .integer(1...3_650),
            .integer(30),
            "Days after which older files of the request log are removed."
        ),
        Setting(
            "requests.keep-bytes",
            .integer(4_096...(1 << 44)),
            .integer(4 << 30),
            "Bytes of all older files of the request log; the oldest are removed above it."
        ),
        Setting("metrics.count", .boolean, .boolean(true), "Count requests for /metrics and the series."),
        Setting(
            "siem.file",
            .boolean,
            .boolean(false),
            "Write each event as a line of syslog to siem.log, for an agent of a SIEM."
        ),
        Setting(
            "siem.file-bytes",
            .integer(4_096...(1 << 40)),
            .integer(64 << 20),
            "Bytes after which siem.log gives way to the next file; a day's end does so too (UTC)."
        ),
        Setting(
            "siem.keep-days",
            .integer(1...3_650),
            .integer(30),
            "Days after which older files of siem.log are removed; the agent must have read them by then."
        ),
    ]

    /// When files of the request log end and go.
    package static func requestRule(_ settings: Settings) -> RotationRule {
        RotationRule(
            fileBytes: settings.integer("requests.file-bytes"),
            keepDays: settings.integer("requests.keep-days"),
            keepBytes: settings.integer("requests.keep-bytes")
        )
    }

    /// When files for the SIEM end and go: by age alone, as a line that goes unread is lost to it.
    package static func siemRule(_ settings: Settings) -> RotationRule {
        RotationRule(
            fileBytes: settings.integer("siem.file-bytes"),
            keepDays: settings.integer("siem.keep-days"),
            keepBytes: .max
        )
    }
}
