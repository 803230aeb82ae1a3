import CanonicalJSON
import ControlAPI
import DurableFiles
import EventStore
import Foundation
import NIOHTTP1
import Projecting
import RoutingDomain
import Serving

extension OpenHome {
    /// How the home fares: as its running server says, else as this process finds it by the same looks.
    ///
    /// `isStale` is what a catch-up just before came to.
    func health(isStale: Bool) async -> HealthDocument {
        let server = LocalServer(folders)
        let told = await server.health()
        if let told { return told }
        let registry = Registry(place: projector.place)
        let health = HomeHealth(
            log: log,
            people: people,
            registry: registry,
            root: folders.root,
            data: folders.data,
            limits: folders.alertLimits,
            isStale: isStale,
            waitSeconds: folders.waitSeconds
        )
        let board = HealthBoard(patience: .seconds(10))
        await board.look(health.probes)
        if let alerts = try? await StandingAlert.recorded(registry) { board.show(alerts) }
        let document = board.document
        guard await server.isRunning() else { return document }
        return HealthDocument(document.parts + [LocalServer.silent(folders)])
    }
}

extension LocalServer {
    /// What the running server says of its health; nil where none runs, or it does not answer within five seconds.
    func health() async -> HealthDocument? {
        var exchange = exchange
        exchange.patience = min(exchange.patience, 5)
        guard let answer = try? await exchange.send(.GET, "/health", headers: [], body: []), answer.status == 200,
            let json = try? JSONReader.plain(answer.body)
        else { return nil }
        return HealthDocument(json)
    }

    /// The part of a server that holds its lock and says nothing.
    fileprivate static func silent(_ folders: HomeFolders) -> HealthPart {
        let owner = FileLock.owner(of: folders.serverLock).map { " (process \($0))" } ?? ""
        return HealthPart(
            "server",
            .failed,
            since: Timestamp(microseconds: SystemClock().wall),
            "a server runs for this home\(owner), and does not tell how it fares",
            remedy: "look at its log; if it hangs, restart it"
        )
    }
}

extension HomeFolders {
    /// The settings of the home's service; throws a failure that names the place of a wrong one.
    func serviceSettings(flags: [String: Serving.Setting.Value] = [:]) throws -> Settings {
        do {
            return try Settings(
                Server.known,
                file: "\(config)/daybook.yaml",
                environment: ProcessInfo.processInfo.environment,
                flags: flags
            )
        } catch {
            throw Failure("settings", error.message, hint: error.hint, status: ExitStatus.configuration)
        }
    }

    /// What operators have set about alerts; the standards where the settings cannot be read, which `serve` says.
    fileprivate var alertLimits: AlertLimits { (try? serviceSettings()).map { AlertLimits($0) } ?? AlertLimits() }

    /// How long a worker may take to load an activated version, likewise.
    fileprivate var waitSeconds: Int { (try? serviceSettings())?.integer("activation.wait-seconds") ?? 10 }
}
