import CanonicalJSON
import CommandHandling
import EventStoreTesting
import Foundation
import Logging
import ModelIntake
import RoutingDomain
import Serving
import Synchronization
import Testing

@testable import ControlAPI

@Suite("Uploads that nobody finishes") struct TidyingTests {
    private static let version = "2026.03.01_1"

    /// Makes files, and the folder, as old as that.
    private static func age(_ paths: [String], days: Double) throws {
        let date = Date(timeIntervalSinceNow: -days * 86_400)
        for path in paths { try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path) }
    }

    @Test(
        "What nobody went on with for the days of the setting goes, one line says how much; what grows or is being sent stays"
    )
    func tidied() async throws {
        try await RunningHome.with { home in
            let staging = home.folder.path("data/staging")
            let model = try #require(ModelVersion("2026.03.01_4"))
            for number in 1...4 {
                let version = try #require(ModelVersion("2026.03.01_\(number)"))
                let whole = try home.control.models.staging.part("a.bin", of: version, at: 0, expecting: 5)
                try whole.append([1, 2, 3, 4, 5])
                _ = try whole.complete(sha256: nil)
                let begun = try home.control.models.staging.part("b.bin", of: version, at: 0, expecting: 9)
                try begun.append([6, 7])
                try begun.keep()
            }
            try FileManager.default.createDirectory(atPath: "\(staging)/notes", withIntermediateDirectories: true)
            func files(_ number: Int) -> [String] {
                let place = "\(staging)/2026.03.01_\(number)"
                return ["\(place)/a.bin", "\(place)/.b.bin.part", place]
            }
            for number in [1, 4] { try Self.age(files(number), days: 7.1) }
            try Self.age(files(2), days: 6.9)
            // One byte came since, for one of the two files.
            try Self.age([files(3)[0], files(3)[2]], days: 30)
            try Self.age(["\(staging)/notes"], days: 30)
            let sending = try home.control.models.staging.part("c.bin", of: model, at: 0, expecting: 1)
            try Self.age(["\(staging)/2026.03.01_4/.c.bin.part", files(4)[2]], days: 7.1)

            let lines = Shared<[String]>([])
            let logger = Logger(label: "test") { _ in
                JSONLinesLog(moment: { "2026-11-22T00:00:00Z" }) { bytes in
                    lines.value.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) }
                }
            }
            let tidying = UploadTidying(of: home.control, keepDays: 7, logger: logger)
            let first = await tidying.tidy()
            #expect(first.versions == ["2026.03.01_1"] && first.files == 2 && first.bytes == 7 && first.faults.isEmpty)
            #expect(try FileManager.default.contentsOfDirectory(atPath: staging).count == 4)
            let line = try JSONReader.plain(try #require(lines.value.withLock { $0 }.first))
            #expect(line["files"] == 2 && line["bytes"] == 7 && line["names"] == "2026.03.01_1", "\(line)")
            #expect(await tidying.tidy().versions.isEmpty)
            #expect(lines.value.withLock { $0 }.count == 1, "nothing is said of nothing")

            try withExtendedLifetime(sending) { try $0.append([1]) }
            #expect(
                await UploadTidying(of: home.control, keepDays: 1, logger: logger).tidy().versions == ["2026.03.01_2"]
            )
        }
    }

    @Test("An upload that was sent a last byte just before is gone on with, and begins anew after it was removed")
    func anew() async throws {
        try await RunningHome.with { home in
            let (token, _) = try await home.user(.trainer)
            let headers = ["Content-Range": "bytes 0-2/6"]
            #expect(try await home.put(Self.version, "a.bin", [1, 2, 3], token: token, headers: headers).status == 200)
            let place = home.folder.path("data/staging/\(Self.version)")
            try Self.age(["\(place)/.a.bin.part", place], days: 8)
            let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }
            #expect(await UploadTidying(of: home.control, keepDays: 7, logger: quiet).tidy().bytes == 3)
            let rest = ["Content-Range": "bytes 3-5/6"]
            let late = try await home.put(Self.version, "a.bin", [4, 5, 6], token: token, headers: rest)
            #expect(late.status == 409 && late.json["limit"] == "0", "\(late.text)")
            #expect(try await home.put(Self.version, "a.bin", [1, 2, 3], token: token, headers: headers).status == 200)
        }
    }

    @Test(
        "Every setting stands in the documentation with its default and its sentence",
        arguments: Serving.Setting.service + JobLimits.settings + UploadTidying.settings + AlertLimits.settings
    )
    func documented(setting: Serving.Setting) throws {
        let checkout = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let pages = try ["http", "jobs", "health"].map {
            try String(contentsOf: checkout.appending(path: "docs/\($0).md"), encoding: .utf8)
        }
        let standard =
            switch setting.standard {
            case .integer(let number): "\(number)"
            case .text(let text): text
            case .boolean(let truth): "\(truth)"
            case .list(let texts): texts.joined(separator: ", ")
            case nil: ""
            }
        let row = "| `\(setting.key)` | \(standard.isEmpty ? "" : "\(standard) ")| \(setting.summary) |"
        #expect(
            pages.contains { $0.contains(row) },
            "docs/http.md, docs/jobs.md or docs/health.md lacks the row: \(row)"
        )
    }
}
