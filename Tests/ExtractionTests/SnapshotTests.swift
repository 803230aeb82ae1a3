import EventStoreTesting
import Foundation
import Testing

@testable import Extraction

/// The private copy of a source: of one moment, or none.
struct SnapshotTests {
    private static let fixture = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/traps.accdb").path

    /// Copies the fixture's copy while a body works on it.
    private func take(_ work: @escaping (String) throws -> Void) throws -> SourceSnapshot {
        let folder = try TemporaryFolder()
        let path = folder.path("plant.accdb")
        try FileManager.default.copyItem(atPath: Self.fixture, toPath: path)
        let copies = folder.path("copies")
        try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: false)
        let found = try SourceSnapshot.take(path, .access, in: copies) { try work(path) }
        #expect(FileManager.default.contents(atPath: found.path) == FileManager.default.contents(atPath: path))
        return found
    }

    @Test func `an untouched file is copied whole`() throws {
        let found = try take { _ in }
        #expect(found.size == 417_792)
        #expect(try take { _ in }.sha256 == found.sha256)
    }

    @Test func `a file that changes meanwhile is refused, even where its time is put back`() throws {
        let deeds: [(String) throws -> Void] = [
            { path in
                let file = try #require(FileHandle(forUpdatingAtPath: path))
                try file.seek(toOffset: 100_000)
                try file.write(contentsOf: Data([1, 2, 3]))
                try file.close()
            },
            { path in
                let date = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
                let file = try #require(FileHandle(forUpdatingAtPath: path))
                try file.truncate(atOffset: 8192)
                try file.close()
                try FileManager.default.setAttributes([.modificationDate: date ?? Date()], ofItemAtPath: path)
            },
            { path in
                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.copyItem(atPath: Self.fixture, toPath: path)
            },
        ]
        for deed in deeds {
            let found = #expect(throws: ExtractionFault.self) { try take(deed) }
            #expect(found?.code == .changed)
        }
    }
}
