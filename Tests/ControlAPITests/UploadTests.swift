import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

@Suite("Files on their way in") struct UploadTests {
    private static let version = "2026.03.01_1"

    private static func range(_ bytes: Range<Int>, of total: Int) -> [String: String] {
        ["Content-Range": "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(total)"]
    }

    @Test("parts follow one another, and a later one goes on where the last ended")
    func parts() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.trainer)
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let staged = "/api/v1/models/\(Self.version)/staged"
            func put(_ part: Range<Int>, _ further: [String: String] = [:]) async throws -> Received {
                let headers = Self.range(part, of: bytes.count).merging(further) { $1 }
                return try await home.put(Self.version, "a.bin", Array(bytes[part]), token: token, headers: headers)
            }
            #expect(try await home.get(staged, token: token).json["items"]?.elements?.isEmpty == true)
            let first = try await put(0..<1_000_000)
            #expect(first.status == 200 && first.json["complete"] == .bool(false), "\(first.text)")
            #expect(try await home.get(staged, token: token).json["items"]?.elements?.first?["received"] == 1_000_000)
            let gap = try await put(2_000_000..<3_000_000)
            #expect(gap.status == 409 && gap.json["limit"] == "1000000", "\(gap.text)")
            let spoilt = try await put(1_000_000..<2_000_000, ["Content-Digest": SampleModel.digest([1])])
            #expect(spoilt.status == 422 && spoilt.json["rule"] == "upload.digest", "\(spoilt.text)")
            let digest = SampleModel.digest(Array(bytes[1_000_000..<2_000_000]))
            #expect(try await put(1_000_000..<2_000_000, ["Content-Digest": "md5=:AA==:, \(digest)"]).status == 200)
            let early = try await home.post("/api/v1/models/\(Self.version)/register", [:], token: token)
            #expect(early.status == 409 && early.json["rule"] == "upload.incomplete", "\(early.text)")
            let last = try await put(2_000_000..<3_000_000, ["Repr-Digest": SampleModel.digest(bytes)])
            #expect(last.status == 201 && last.json["complete"] == .bool(true), "\(last.text)")
            let path = home.folder.path("data/staging/\(Self.version)/a.bin")
            #expect(Array(try Data(contentsOf: URL(filePath: path))) == bytes)
            #expect(try await home.send("DELETE", staged, token: token).status == 204)
            #expect(!FileManager.default.fileExists(atPath: home.folder.path("data/staging/\(Self.version)")))
            #expect(try await home.send("DELETE", staged, token: token).status == 404)
        }
    }

    @Test("a whole file with another digest than it states leaves nothing")
    func wrongWhole() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.trainer)
            let headers = ["Repr-Digest": SampleModel.digest([9])]
            let sent = try await home.put(Self.version, "a.bin", [1, 2, 3], token: token, headers: headers)
            #expect(sent.status == 422, "\(sent.text)")
            let staged = try await home.get("/api/v1/models/\(Self.version)/staged", token: token)
            #expect(staged.json["items"]?.elements?.first?["received"] == 0)
            #expect(staged.json["items"]?.elements?.first?["complete"] == .bool(false))
            let bad = try await home.put(
                Self.version,
                "a.bin",
                [1],
                token: token,
                headers: ["Content-Digest": "md5=:AA==:"]
            )
            #expect(bad.status == 422)
        }
    }

    @Test(
        "names and versions that could mean something else are refused, and make no folder",
        arguments: [
            ("2026.03.01_1", "manifest.json", 422), ("2026.03.01_1", "x.part", 422), ("2026.03.01_1", "a%20b", 400),
            ("2026.03.01_1", ".hidden", 400), ("2026.02.30_1", "a.bin", 422), ("%2e%2e", "a.bin", 400),
        ]
    )
    func names(version: String, name: String, status: Int) async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.trainer)
            let sent = try await home.put(version, name, [1], token: token)
            #expect(sent.status == status, "\(sent.text)")
            #expect(!FileManager.default.fileExists(atPath: home.folder.path("data/staging")))
        }
    }

    @Test("who may not train sends nothing, and a file beyond the limit is refused by its head alone")
    func limits() async throws {
        try await RunningHome.with { home in
            let (viewer, _) = try await home.user(.viewer)
            let (trainer, _) = try await home.user(.trainer)
            #expect(try await home.put(Self.version, "a.bin", [1], token: viewer).status == 403)
            let large = try await home.put(
                Self.version,
                "a.bin",
                [1],
                token: trainer,
                headers: ["Content-Range": "bytes 0-0/\(5 << 30)"]
            )
            #expect(large.status == 413, "\(large.text)")
            let odd = try await home.put(
                Self.version,
                "a.bin",
                [1],
                token: trainer,
                headers: ["Content-Range": "bytes 0-9/10"]
            )
            #expect(odd.status == 422, "\(odd.text)")
            #expect(!FileManager.default.fileExists(atPath: home.folder.path("data/staging")))
        }
    }

    @Test("what came before the connection broke stays, and the rest makes the file whole")
    func brokenConnection() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.trainer)
            let bytes = [UInt8](repeating: 7, count: 200_000)
            let head = """
                PUT /api/v1/models/\(Self.version)/files/a.bin HTTP/1.1\r
                Host: 127.0.0.1:\(home.port)\r
                Authorization: Bearer \(token)\r
                Content-Type: application/octet-stream\r
                Content-Length: \(bytes.count)\r
                \r

                """
            RawRequest.sendAndHangUp(Array(head.utf8) + bytes.prefix(120_000), port: home.port)
            let staged = "/api/v1/models/\(Self.version)/staged"
            var received = 0
            while received == 0 {
                let items = try await home.get(staged, token: token).json["items"]?.elements
                received = items?.first?["received"]?.number ?? 0
                #expect(items?.first?["complete"] != .bool(true))
                await Task.yield()
            }
            #expect(received <= 120_000)
            var rest = try await home.put(
                Self.version,
                "a.bin",
                Array(bytes[received...]),
                token: token,
                headers: Self.range(received..<bytes.count, of: bytes.count)
            )
            // The broken request may hold the file for a moment yet.
            while rest.json["rule"] == "upload.busy" {
                rest = try await home.put(
                    Self.version,
                    "a.bin",
                    Array(bytes[received...]),
                    token: token,
                    headers: Self.range(received..<bytes.count, of: bytes.count)
                )
            }
            #expect(rest.status == 201, "\(rest.text)")
            let path = home.folder.path("data/staging/\(Self.version)/a.bin")
            #expect(Array(try Data(contentsOf: URL(filePath: path))) == bytes)
        }
    }
}
