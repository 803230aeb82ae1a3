import EventStoreTesting
import Extraction
import Foundation
import GRDB
import PlantTables
import Testing

/// A folder for sources and scratch, and extractions by the program that was built with these tests.
struct ExtractionSetting {
    private let home: TemporaryFolder
    /// Where sources and scratch lie.
    var folder: String { home.path }

    init() throws { home = try TemporaryFolder() }

    /// The program beside the tests.
    static let program =
        (ProcessInfo.processInfo.environment["DAYBOOK_PROGRAMS"]
            ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path) + "/daybook"

    func extraction(_ limits: ExtractionLimits = ExtractionLimits(), cache: ExtractionCache? = nil) -> Extractor {
        Extractor(program: Self.program, scratch: folder, limits: limits, cache: cache)
    }

    /// A file of shared data; nil, with a line that says so, where there is none.
    static func shared(_ name: String) -> String? {
        let root = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] ?? ""
        let path = "\(root)/access/\(name)"
        if !root.isEmpty, FileManager.default.fileExists(atPath: path) { return path }
        print("skipped: no \(name) (DAYBOOK_TEST_DATA)")
        return nil
    }

    /// A database made of these statements.
    func sqlite(_ name: String = "plant.db", _ sql: String) throws -> String {
        let path = "\(folder)/\(name)"
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
        return path
    }
}

/// The fault that a body throws.
func fault(_ body: () async throws -> some Any) async throws -> ExtractionFault {
    do {
        _ = try await body()
    } catch let fault as ExtractionFault {
        return fault
    }
    return try #require(nil as ExtractionFault?, "the body throws a fault")
}
