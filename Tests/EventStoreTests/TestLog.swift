import EventStore
import EventStoreTesting
import Foundation

/// A folder with a log in it, for tests that open, close and damage it.
struct TestLog {
    let folder: TemporaryFolder
    var folders: LogFolders { LogFolders(data: folder.path) }
    var path: String { folder.path("log") }
    var dataFile: String { "\(path)/data.mdb" }

    init(clock: any LogClock = SystemClock()) async throws {
        folder = try TemporaryFolder()
        let log = try LMDBEventLog.create(
            at: LogFolders(data: folder.path),
            clock: clock,
            timeZone: "Asia/Seoul"
        )
        await log.close()
    }

    /// Opens the log, on a map of another size if one is given.
    func open(
        mapSize: Int? = nil,
        clock: any LogClock = SystemClock(),
        opensContradicted: Bool = false
    ) throws -> LMDBEventLog {
        var tuning = LMDBEventLog.Tuning()
        tuning.opensContradicted = opensContradicted
        if let mapSize { tuning.mapSize = mapSize }
        return try LMDBEventLog.open(at: folders, clock: clock, tuning: tuning)
    }
}

/// Runs `body` until a share of wall-clock time is used up, and at least so many times; returns the rounds done.
func rounds(seconds: Double, atLeast least: Int, _ body: () async throws -> Void) async throws -> Int {
    let end = ContinuousClock.now + .seconds(seconds)
    var rounds = 0
    while rounds < least || ContinuousClock.now < end {
        try await body()
        rounds += 1
    }
    return rounds
}
