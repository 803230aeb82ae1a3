import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// The stored homes of earlier releases, used through today's program.
@Suite("Upgrade")
struct ReleasedHomeTests {
    private static func unpacked(_ release: String) async throws -> TestHome {
        let folder = try TemporaryFolder("daybook-e2e")
        let archive = "\(Program.checkout)/Tests/EndToEndTests/Fixtures/homes/\(release).tar.gz"
        let tar = try await onThread {
            try Child(["/bin/tar", "-xzf", archive, "-C", folder.path], environment: Program.environment()).result()
        }
        try #require(tar.exit == 0, "\(tar)")
        return TestHome.standing(at: folder.path("home"), keeping: folder)
    }

    @Test("A home of 0.1.0 says what an upgrade changes, is upgraded, verified, and goes on")
    func upgrade() async throws {
        let home = try await Self.unpacked("0.1.0")
        let kim = ["--as", "kim"]
        let before = try await home.json(["upgrade", "--check"] + kim)
        #expect(before["needed"]?.truth == true && before["noted"] == .null && before["tiles_from"]?.number == 0)
        #expect(try await home.json(["upgrade", "--check"] + kim) == before, "--check changes nothing")
        // The stored home is older than a log believes a clock without a word.
        try await home.succeed(["clock", "accept", "--reason", "a stored home"] + kim)
        try await home.succeed(["upgrade"] + kim)
        #expect(try await home.json(["upgrade", "--check"] + kim)["needed"]?.truth == false)
        try await home.succeed(
            ["config", "patch", "runtime", #"{"top_k": 33}"#, "--reason", "after the upgrade"] + kim
        )
        try await home.succeed(["projections", "check"] + kim)
        try await home.succeed(["verify"] + kim)
        let notes = try await home.events().filter { $0["type"] == "program.upgraded" }
        #expect(notes.count == 1 && notes.first?["payload"]?["previous_version"] == nil)
        #expect(try await home.active() == "2026.03.05_2")
    }
}
