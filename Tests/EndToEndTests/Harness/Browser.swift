import EventStoreTesting
import Foundation

/// A real browser without a window.
enum Browser {
    private static let program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Opens an address and prints the page as it stands half a minute of its own time later; nil, with a line that says so, where
    /// no browser is installed.
    static func open(
        _ address: String,
        in folder: TemporaryFolder,
        for what: String,
        _ further: [String] = []
    ) async throws -> Outcome? {
        guard let program else {
            Skipped.line(what, because: "no browser; Debian's package chromium has one")
            return nil
        }
        let words =
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--user-data-dir=\(folder.path("profile"))", "--virtual-time-budget=30000",
            ] + further + ["--dump-dom", address]
        return try await onThread { try Child(words, environment: Program.environment()).result() }
    }
}
