import Foundation

/// A folder of its own for one test, removed at the end.
package final class FixtureFolder {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("daybook-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The bytes of a file beneath it.
    package func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
    }

    /// The text of a file beneath it.
    package func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

    /// The paths of all files beneath it, sorted.
    package func files() throws -> [String] {
        var isFolder: ObjCBool = false
        return try FileManager.default.subpathsOfDirectory(atPath: path)
            .filter {
                FileManager.default.fileExists(atPath: "\(path)/\($0)", isDirectory: &isFolder) && !isFolder.boolValue
            }
            .sorted()
    }

    /// Writes a text as another program would: the time of change differs from before.
    package func overwrite(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }
}
