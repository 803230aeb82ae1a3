import CanonicalJSON
import Foundation
import Testing

@Suite("Uploads that nobody finishes, at the start of a server")
struct TidyingTests {
    @Test("The start of a server removes what is older than its setting says, and its log says how much")
    func start() async throws {
        let home = try await TestHome.make()
        try Data("uploads:\n  keep-days: 3\n".utf8).write(to: URL(filePath: "\(home.path)/config/daybook.yaml"))
        let (old, young) = ("\(home.path)/data/staging/2026.03.01_1", "\(home.path)/data/staging/2026.03.01_2")
        for (place, days) in [(old, 3.1), (young, 2.9)] {
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            try Data("half of it".utf8).write(to: URL(filePath: "\(place)/.a.bin.part"))
            let date = Date(timeIntervalSinceNow: -days * 86_400)
            for path in ["\(place)/.a.bin.part", place] {
                try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
            }
        }
        let served = try await ServedHome.start(home)
        let server = served.server
        try await onThread {
            while !server.errorText.contains("unfinished uploads removed") {
                guard !server.isGone(within: 50) else { break }
            }
        }
        let said = try #require(
            server.errorText.split(separator: "\n").first { $0.contains("unfinished uploads removed") },
            "\(server.errorText)"
        )
        let line = try JSONReader.plain(String(said))
        #expect(line["files"] == 1 && line["bytes"] == 10 && line["names"] == "2026.03.01_1", "\(said)")
        #expect(!FileManager.default.fileExists(atPath: old) && FileManager.default.fileExists(atPath: young))
        let waiting = try await served.send("GET", "/api/v1/models/2026.03.01_2/staged")
        #expect(waiting.json["items"]?.elements?.first?["received"] == 10, "\(waiting.text)")
        #expect(try await served.stop().exit == 0)
    }
}
