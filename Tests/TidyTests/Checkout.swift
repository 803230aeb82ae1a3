import Foundation
import Testing

/// The files of this checkout that rules look at.
enum Checkout {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Folders that people write and the repository tracks.
    private static let folders = [
        "Sources", "Tests", "Benchmarks", "docs", "scripts", "samples", "migrations", "projections", "Web", ".ci",
        ".githooks",
    ]
    private static let skipped: Set<String> = [".build", "node_modules", ".venv", "__pycache__"]
    private static let binary: Set<String> = ["bin", "png", "ico", "woff2", "db", "joblib", "gz"]

    /// Every text file beneath those folders and at the root, sorted by path; read and scanned once for all rules.
    static func files() throws -> [SourceText] { try loaded.get() }

    private static let loaded = Result { try load() }

    private static func load() throws -> [SourceText] {
        let manager = FileManager.default
        var paths = try manager.contentsOfDirectory(atPath: root.path).filter { name in
            var isFolder: ObjCBool = false
            let isThere = manager.fileExists(atPath: root.appendingPathComponent(name).path, isDirectory: &isFolder)
            // In a work tree of git `.git` is a file that holds a path of this machine.
            return isThere && !isFolder.boolValue && name != ".git" && name != "Package.resolved"
        }
        for folder in folders {
            guard let walk = manager.enumerator(atPath: root.appendingPathComponent(folder).path) else { continue }
            while let path = walk.nextObject() as? String {
                if skipped.contains((path as NSString).lastPathComponent) { walk.skipDescendants() }
                if walk.fileAttributes?[.type] as? FileAttributeType == .typeRegular {
                    paths.append("\(folder)/\(path)")
                }
            }
        }
        return try paths.sorted().compactMap { path in
            guard !binary.contains((path as NSString).pathExtension) else { return nil }
            let data = try Data(contentsOf: root.appendingPathComponent(path))
            guard let text = String(data: data, encoding: .utf8) else { return nil }
            return SourceText(path: path, text: text)
        }
    }

    static func swiftFiles() throws -> [SourceText] {
        try files().filter { $0.isSwift && $0.target != nil }
    }
}

/// Fails with every finding on a line of its own, as `path:line: message`.
func expectNone(_ findings: [Finding], location: SourceLocation = #_sourceLocation) {
    let list = findings.map(\.description).joined(separator: "\n")
    #expect(findings.isEmpty, "\(findings.count) findings:\n\(list)", sourceLocation: location)
}
