import Foundation
import GRDB
import RegistryFixture
import RoutingDomain
import Testing

@testable import Projecting

/// A registry, a home and a renderer over both.
struct DocumentFixture {
    let registry: RegistryFixture
    let home: FixtureFolder

    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    init(_ registry: RegistryFixture? = nil) throws {
        self.registry = try registry ?? RegistryFixture()
        home = try FixtureFolder()
    }

    /// Renders as the projector does: on the writing connection, outside of a transaction.
    @discardableResult
    func refresh(everything: Bool = false) throws -> [DocumentEdit] {
        let renderer = DocumentRenderer(
            home: home.path,
            templates: try DocumentTemplates.bundled(),
            now: { Timestamp("2026-09-03T01:02:03.000000Z") ?? Timestamp(microseconds: 0) },
            name: RegistryFixture.name
        )
        return try registry.queue.writeWithoutTransaction { db in try renderer.refresh(db, everything: everything) }
    }

    /// Every document with its bytes.
    func documents() throws -> [String: [UInt8]] {
        var documents: [String: [UInt8]] = [:]
        for path in try home.files() { documents[path] = try home.bytes(path) }
        return documents
    }
}

/// Compares a text with a committed file.
///
/// `RECORD_SNAPSHOTS=1` writes it; a missing file is recorded and fails.
func expectGolden(_ text: String, _ name: String) throws {
    let file = DocumentFixture.repository.appendingPathComponent("Tests/ProjectingTests/Documents/Golden/\(name)")
    let committed = try? String(contentsOf: file, encoding: .utf8)
    if committed == nil || ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1" {
        try Data(text.utf8).write(to: file)
    }
    #expect(committed == text, "\(name) differs from the committed file; RECORD_SNAPSHOTS=1 writes it anew")
}
