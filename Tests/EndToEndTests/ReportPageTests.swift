import EventStoreTesting
import Foundation
import Testing

/// `report.html` in a real browser, opened as a file, without a network.
@Suite(.serialized)
struct ReportPageTests {
    /// The page as it stands when its own check has ended.
    private static func page(_ html: [UInt8], key: String?, in folder: TemporaryFolder) async throws -> String? {
        let path = folder.path("\(UUID().uuidString).html")
        try Data(html).write(to: URL(filePath: path))
        let address = "file://\(path)" + (key.map { "#key=\($0)" } ?? "")
        guard let outcome = try await Browser.open(address, in: folder, for: "the report page") else { return nil }
        #expect(outcome.exit == 0, "\(outcome)")
        // What the check wrote, without the program and its data.
        let text = outcome.output
        return text.firstRange(of: "<script>").map { String(text[..<$0.lowerBound]) } ?? text
    }

    @Test("The page checks its records with the key typed by the auditor, and warns without one")
    func verdicts() async throws {
        let ((home, key), folder) = (try await AuditBundleTests.plant(), try TemporaryFolder("daybook-page"))
        let other = try await AuditBundleTests.plant().key
        let html = try BundleFile(try await AuditBundleTests.bundle(home))["report.html"]
        guard let pinned = try await Self.page(html, key: key, in: folder) else { return }
        #expect(
            pinned.contains("key pinned by you") && pinned.contains("Every record here stands in the log, unchanged")
        )
        #expect(pinned.contains("card verdict good") && pinned.contains("ef search") && pinned.contains("into service"))
        let alone = try #require(try await Self.page(html, key: nil, in: folder))
        #expect(alone.contains("KEY TAKEN FROM THE BUNDLE: proves only that it agrees with itself"))
        #expect(alone.contains("card verdict warn"))
        let wrong = try #require(try await Self.page(html, key: other, in: folder))
        #expect(wrong.contains("NOT VERIFIED") && wrong.contains("card verdict bad"))
    }

    @Test("The page tells a changed record, tile and head, and runs nothing that stands in a record")
    func tampered() async throws {
        let ((home, key), folder) = (try await AuditBundleTests.plant(), try TemporaryFolder("daybook-page"))
        let genuine = try BundleFile(try await AuditBundleTests.bundle(home))
        let html = genuine["report.html"]
        guard let page = try await Self.page(html, key: key, in: folder) else { return }
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the words of a person are shown as words")
        #expect(!page.contains("<script>alert"))
        for prefix in ["tile/entries/", "tile/0/", "checkpoint"] {
            let member = try #require(genuine.members.first { $0.name.hasPrefix(prefix) })
            var bytes = member.bytes
            bytes[prefix == "checkpoint" ? bytes.count - 12 : bytes.count / 2] ^= 2
            let line = Data(member.bytes).base64EncodedString()
            let forged = String(decoding: html, as: UTF8.self).replacing(line, with: Data(bytes).base64EncodedString())
            #expect(forged.utf8.count == html.count && Array(forged.utf8) != html)
            let said = try #require(try await Self.page(Array(forged.utf8), key: key, in: folder))
            #expect(said.contains("card verdict bad") && said.contains("NOT VERIFIED"), "\(prefix)")
        }
    }

    @Test("The page refuses a redaction that stands before the position it names, or names position 0")
    func misplacedRedactions() async throws {
        let folder = try TemporaryFolder("daybook-page")
        for (position, isHeld) in [(2, true), (9_999, false), (0, false)] {
            let (home, key) = try await AuditBundleTests.plant()
            let made = try await onThread {
                try Child(
                    [TestWriter.program, "redaction", "\(home.path)/data/log", "\(position)"],
                    environment: Program.environment()
                ).result()
            }
            #expect(made.exit == 0, "\(made)")
            let html = try BundleFile(try await AuditBundleTests.bundle(home))["report.html"]
            guard let said = try await Self.page(html, key: key, in: folder) else { return }
            #expect(said.contains("redacts no record that stands before it") == !isHeld, "position \(position)")
            #expect(said.contains("NOT VERIFIED") == !isHeld, "position \(position)")
        }
    }
}
