internal import ReadModels

/// HTML: one page without scripts or outside parts, with a style for the screen and for paper.
struct HTMLLogbook: LogbookWriter {
    let name: (String) -> String
    private var place = ""
    private var isOpen = false

    init(name: @escaping (String) -> String) { self.name = name }

    private static let style = """
        body { font: 14px/1.45 "Noto Sans", "Noto Sans CJK KR", system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #1a1a1a }
        h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem }
        table { border-collapse: collapse; width: 100%; table-layout: fixed }
        th, td { border: 1px solid #bbb; padding: .3rem .4rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; white-space: pre-wrap }
        th { background: #f0f0f0 } thead { display: table-header-group } tr { break-inside: avoid }
        th { box-sizing: border-box } .n { width: 8% } .k { width: 8% } .e { width: 8.5% } .t { width: 13% } .d { width: 16% } .r { width: 22.5% }
        footer { margin-top: 1.5rem; border-top: 1px solid #888; padding-top: .5rem; font-size: .85rem }
        @page { size: A4 landscape; margin: 12mm; @bottom-right { content: counter(page) " / " counter(pages) } }
        @media print { body { margin: 0; max-width: none; font-size: 9pt } }
        """

    mutating func head(_ source: ExportOrigin) -> [UInt8] {
        Array(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>Logbook</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <h1>Logbook</h1>
            <p>Hours are the plant's time; recorded and claimed times are UTC.</p>

            """.utf8
        )
    }

    mutating func body(_ entry: LogbookEntry) -> [UInt8] {
        var html = ""
        let place = "\(entry.day) \(entry.hour):00"
        if place != self.place {
            html += closing + "<h2>\(SafeText.html(place))</h2>\n<table>\n<thead><tr><th class=\"n\">position</th>"
            html +=
                "<th class=\"k\">kind</th><th class=\"t\">recorded</th><th class=\"k\">task</th><th class=\"d\">directive</th>"
            html += "<th class=\"r\">response</th>"
            html +=
                "<th class=\"e\">evidence</th><th class=\"n\">remaining</th><th class=\"n\">open tasks</th></tr></thead>\n<tbody>\n"
            self.place = place
            isOpen = true
        }
        let claimed = entry.claimedAt.map { "\nclaimed \($0)" } ?? ""
        let reason = entry.reason.map { "\nreason: \($0)" } ?? ""
        let corrects = entry.correctsPosition.map { "\ncorrects \($0)" } ?? ""
        let task = [entry.sprint, entry.task, entry.entry.map { "entry \($0)" }].compactMap { $0 }
        let digest = entry.evidenceSha256.map { "\nSHA-256 \($0)" } ?? ""
        let cells = [
            String(entry.position), entry.kind + corrects, "\(entry.recordedAt)\n\(name(entry.actor))\(claimed)",
            task.joined(separator: "\n"), entry.directive + reason, entry.response, entry.evidence + digest,
            entry.remaining.map { String($0) } ?? "", String(entry.openTasks),
        ]
        html += "<tr>" + cells.map { "<td>\(SafeText.html($0))</td>" }.joined() + "</tr>\n"
        return Array(html.utf8)
    }

    private var closing: String { isOpen ? "</tbody>\n</table>\n" : "" }

    mutating func tail(_ trailer: ExportTrailer) -> [UInt8] {
        let line = SafeText.html(ExportTrailer.mark + trailer.line)
        return Array("\(closing)<footer>\(line)</footer>\n</body>\n</html>\n".utf8)
    }
}
