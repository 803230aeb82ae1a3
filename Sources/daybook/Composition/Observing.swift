import CanonicalJSON
import ControlAPI
import DurableFiles
import EventStore
import Exporting
import Foundation
import Logging
import Metering
import Observing
import RoutingDomain
import ServiceLifecycle
import Serving
import Synchronization

extension Server {
    /// The folder of the request log and of the file for a SIEM.
    func linesFolder(_ folders: HomeFolders) -> String { Self.linesFolder(folders, settings) }

    static func linesFolder(_ folders: HomeFolders, _ settings: Settings) -> String {
        let folder = settings.text("requests.folder")
        return folder.hasPrefix("/") ? folder : "\(folders.root)/\(folder)"
    }

    /// What the service says of itself, by the settings.
    func observation(_ home: OpenHome, _ logger: Logger) -> Observation {
        Observation(
            store: home.people,
            requestLog: settings.truth("requests.log") ? Self.requestLog(home.folders, settings, logger) : nil,
            otherwise: LoggedRequests(logger: logger),
            isCounting: settings.truth("metrics.count")
        )
    }

    /// The log of requests of a service; each service has files of its own name.
    static func requestLog(
        _ folders: HomeFolders,
        _ settings: Settings,
        _ logger: Logger,
        name: String = "requests"
    ) -> BufferedLines {
        let file = RotatingFile(
            folder: linesFolder(folders, settings),
            name: name,
            ending: "jsonl",
            rule: Observation.requestRule(settings)
        )
        let isFailing = Mutex(false)
        return BufferedLines(file, today: { RotatingFile.day(of: ProcessNumbers.now() / 1_000_000) }) { fault in
            let isNew = isFailing.withLock { failing in
                defer { failing = fault != nil }
                return failing != (fault != nil)
            }
            guard isNew else { return }
            if let fault {
                logger.warning("the request log is not written", metadata: ["error": "\(fault) (\(fault.hint))"])
            } else {
                logger.notice("the request log is written again")
            }
        }
    }

    /// What writes the numbers and the files while the service runs.
    func observers(_ home: OpenHome, _ observation: Observation, _ logger: Logger) throws -> [any Service] {
        var services: [any Service] = [
            Minutes(observation: observation, logger: logger), ActiveVersion(log: home.log, observation: observation),
        ]
        guard settings.truth("siem.file") else { return services }
        let file = try SIEMFile(
            folder: linesFolder(home.folders),
            host: ProcessInfo.processInfo.hostName,
            rule: Observation.siemRule(settings)
        )
        let feed = SIEMFeed(file, home.log, logger)
        observation.metrics.sample(.siemPosition) { [([], Double(feed.next))] }
        services.append(feed)
        return services
    }
}

extension Observation {
    /// Groups of our own routes that answer at once: of the others some wait for events, and some for a whole file.
    private static let prompt = ["activation", "config", "commands", "tasks", "alerts"]

    /// Lets the watch see what is counted here.
    func tell(_ running: inout HomeHealth.Running) {
        running.services = { [history] minutes in
            ((try? history.services()) ?? []).compactMap { service in
                guard let all = try? history.window(of: service, minutes: minutes) else { return nil }
                let isOurs = service == MetricHistory.ownService
                let slowest = Self.prompt.compactMap { group in
                    try? history.window(of: service, minutes: minutes, group: group).p95
                }.compactMap(\.self).max()
                return HomeHealth.ServiceReading(
                    service: service,
                    requests: all.requests,
                    errors: all.errors,
                    p95Milliseconds: (isOurs ? slowest : all.p95).map { Int($0) }
                )
            }
        }
        if let requestLog { running.unlogged = { requestLog.state.dropped } }
    }
}

/// Writes the minutes that have ended, once a minute.
struct Minutes: Service {
    let observation: Observation
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .microseconds(60_000_000 - ProcessNumbers.now() % 60_000_000))) != nil {
                do {
                    try await onThread { try observation.turn() }
                } catch {
                    logger.warning("the numbers of the last minutes wait for the disk", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

/// Follows which version is active, so that each request is noted with the one it met.
private struct ActiveVersion: Service {
    let log: LMDBEventLog
    let observation: Observation

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            guard let stream = StreamName(ActivationState.stream) else { return }
            var seen: UInt64 = 0
            let growth = log.growth()
            // Growth is told of what comes; what was before is looked at once.
            try note(stream, &seen)
            for await _ in growth { try note(stream, &seen) }
        }
    }

    private func note(_ stream: StreamName, _ seen: inout UInt64) throws {
        let version = try log.version(of: stream)
        guard version != seen else { return }
        let last = try log.events(in: stream, from: version, limit: 1).last
        observation.version = last.flatMap { try? JSONReader.canonical($0.data)["version"]?.text } ?? ""
        seen = version
    }
}

/// Writes each event to the file for a SIEM as it comes; a full disk delays it and loses nothing.
private final class SIEMFeed: Service {
    private let file: Mutex<SIEMFile>
    private let log: LMDBEventLog
    private let logger: Logger

    init(_ file: consuming sending SIEMFile, _ log: LMDBEventLog, _ logger: Logger) {
        self.file = Mutex(file)
        self.log = log
        self.logger = logger
    }

    /// The position of the event that is due next.
    var next: Position { file.withLock { $0.next } }

    func run() async throws {
        try await cancelWhenGracefulShutdown { [self] in
            for try await page in log.subscribe(from: next) {
                var isSaid = false
                while !Task.isCancelled {
                    do {
                        try await onThread { [self] in try write(page) }
                        break
                    } catch {
                        if !isSaid { logger.warning("the file for the SIEM waits", metadata: ["error": "\(error)"]) }
                        isSaid = true
                        try? await Task.sleep(for: .seconds(2))
                    }
                }
            }
        }
    }

    private func write(_ page: EventPage) throws {
        try file.withLock { file in
            try file.write(page, day: RotatingFile.day(of: ProcessNumbers.now() / 1_000_000))
        }
    }
}
