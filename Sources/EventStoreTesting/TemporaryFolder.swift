internal import Foundation

/// A folder for one test, removed with everything in it when the last reference goes.
public final class TemporaryFolder: Sendable {
    /// The folder's absolute path.
    public let path: String

    /// A new folder beneath the system's temporary folder (`TMPDIR`).
    public init(_ name: String = "daybook-test") throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString.lowercased())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.resolvingSymlinksInPath().path
    }

    deinit {
        // A test that took rights away may leave a folder behind; that is no reason to fail.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of something within the folder; it need not exist.
    public func path(_ name: String) -> String { "\(path)/\(name)" }
}
