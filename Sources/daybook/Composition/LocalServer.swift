import DurableFiles
import Foundation

/// The server of a home, as programs of the same machine find it.
struct LocalServer: Sendable {
    private let folders: HomeFolders

    init(_ folders: HomeFolders) { self.folders = folders }

    /// Whether a server serves the home: its socket takes connections, or another process holds its lock.
    ///
    /// A server that hangs, or one that was told not to listen on the socket, counts: whoever wrote past it in silence would hide that.
    func isRunning() async -> Bool {
        if await exchange.isAnswered() { return true }
        return FileLock.holders(of: folders.serverLock).contains { $0 != getpid() }
    }

    /// The door in the envelope of what this process appends itself: past a running server that is an administrator's console work.
    ///
    /// Every call looks anew: a server may have started or ended since.
    func auth() async -> String { await isRunning() ? "local-uid/console" : "local-uid/cli" }

    /// Where a command of the catalogue goes: the running server, or nil where none runs and for `--console`.
    func taking(_ write: WriteOptions?) async -> CommandsOverHTTP? {
        let isRunning = await isRunning()
        if write?.console == true {
            if !isRunning { OpenHome.say("no server runs for this home: --console changes nothing") }
            return nil
        }
        return isRunning ? CommandsOverHTTP(exchange: exchange, server: "the server of this home") : nil
    }

    var exchange: HTTPExchange {
        var exchange = HTTPExchange(place: .socket(path: folders.socket))
        let words = ProcessInfo.processInfo.environment["DAYBOOK_PATIENCE"]
        if let seconds = words.flatMap({ Int64($0) }), 1...3_600 ~= seconds { exchange.patience = seconds }
        return exchange
    }
}
