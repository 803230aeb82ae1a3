import ArgumentParser

/// A command that works in an open home.
protocol HomeCommand: AsyncParsableCommand {
    var global: GlobalOptions { get }
    /// Does the work; the home is opened before and closed after.
    func run(in home: OpenHome) async throws
}

extension HomeCommand {
    func run() async throws { try await runInHome() }

    /// Opens the home, does the work, and closes the home again.
    func runInHome() async throws {
        let home = try await OpenHome.open(global)
        do {
            try await run(in: home)
        } catch {
            await home.close()
            throw error
        }
        await home.close()
    }
}
