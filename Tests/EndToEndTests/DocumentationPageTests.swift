import EventStoreTesting
import Foundation
import Testing

/// `/docs` of a served home in a real browser.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct DocumentationPageTests {
    @Test("The pages show every operation, ask nobody but this server, and say nothing on the browser's console")
    func offline() async throws {
        let home = try await ServedHome.start(try await TestHome.make())
        let address = "http://127.0.0.1:\(try home.port)"
        let folder = try TemporaryFolder("daybook-docs")
        let record = folder.path("net.json")
        // A window in which all of it is in sight: the pages make what nobody sees only when it is scrolled to.
        let options = [
            "--log-net-log=\(record)", "--enable-logging=stderr", "--window-size=1400,20000",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
        ]
        guard try await home.ask("GET", "/docs").status == 200 else {
            return Skipped.line(
                "the pages of /docs",
                because: "their library is not here; scripts/vendor-web.py gets it"
            )
        }
        guard
            let page = try await Browser.open("\(address)/docs", in: folder, for: "the pages of /docs", options)
        else { return }
        #expect(page.exit == 0, "\(page)")
        // Deeper than what this service reads itself.
        let bytes = Data(try await home.ask("GET", "/openapi.json").body)
        let document = try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        let operations = paths.values.reduce(0) { count, path in
            count + path.keys.count { ["get", "put", "post", "patch", "delete"].contains($0) }
        }
        let shown = page.output.ranges(of: "class=\"opblock opblock-").count
        #expect(shown == operations && operations > 100, "\(shown) of \(operations) operations are shown")
        // The browser has pages of its own.
        let console = page.errors.split(separator: "\n").filter {
            $0.contains("CONSOLE") && !$0.contains("source: chrome:")
        }
        #expect(console.isEmpty, "\(console)")
        let asked = try Self.asked(record, by: address)
        #expect(asked.count >= 4, "the page, its styles, its scripts and the document: \(asked)")
        #expect(asked.allSatisfy { $0.hasPrefix("\(address)/") || $0.hasPrefix("data:") }, "\(asked)")
    }

    /// The addresses that the browser asked for on behalf of a page, or to open it.
    private static func asked(_ record: String, by page: String) throws -> [String] {
        let text = try String(contentsOfFile: record, encoding: .utf8)
        // One event a line; a request's own carries its address, and who it is made for.
        return text.split(separator: "\n").compactMap { line in
            guard line.contains("\"initiator\":\"\(page)\"") || line.contains("\"url\":\"\(page)/docs\""),
                let url = line.firstMatch(of: /"url":"([^"]+)"/)
            else { return nil }
            return String(url.output.1)
        }
    }
}
