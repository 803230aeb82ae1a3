import CanonicalJSON
import CommandHandling
import ControlAPI
import DurableFiles
import EventStore
import Foundation
import ModelGates
import ModelIntake
import ReadModels
import RoutingDomain
import Serving

/// What a version of this home must pass before it becomes active, looked at in a process of its own.
struct HomeGates: Sendable {
    private let process: CheckProcess
    private let megabytes: Int
    private let passed: PassedChecks

    /// The gates of a home, with the time and memory that its settings give the process.
    init(_ folders: HomeFolders, _ settings: Settings) {
        megabytes = settings.integer("activation.check-memory-mb")
        process = CheckProcess(
            program: JobProcess.program,
            words: [CheckModelCommand.word],
            seconds: settings.integer("activation.check-seconds")
        )
        passed = PassedChecks(folder: "\(folders.data)/scratch/checks", program: Daybook.version)
    }

    /// How a registered version fares; blocks, so for a thread of its own.
    ///
    /// Its files are compared each time, here: that needs the log's word, and nothing that a file could break. What passed these limits
    /// within the last hour is not loaded again, unless it is to be looked at `anew`.
    func report(
        on folder: RegisteredFolder,
        _ limits: GateLimits,
        withQuality: Bool = true,
        anew: Bool = false
    ) throws -> GateReport {
        let checksums = ActivationPolicy.checksums(of: folder)
        guard checksums.state == .passed else {
            let others = ActivationGate.allCases.filter { $0 != .checksums }
            let why = "the files are not as they were registered"
            return GateReport([checksums] + others.map { GateFinding($0, .skipped, why) })
        }
        let request = CheckRequest(path: folder.path, limits: limits, withQuality: withQuality, megabytes: megabytes)
        let digest = folder.event.manifestSha256
        let earlier = anew ? nil : passed.report(of: digest, request, now: Date())
        let report = try earlier ?? process.run(request)
        if earlier == nil { passed.keep(report, of: digest, request, now: Date()) }
        return GateReport([checksums] + report.findings, unservable: report.unservable)
    }

    /// How a folder fares that nobody has registered.
    func report(onPath path: String, _ limits: GateLimits) throws -> GateReport {
        let place = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
        let report = try process.run(CheckRequest(path: place, limits: limits, megabytes: megabytes))
        let words = "the folder is not registered: there is nothing to compare"
        return GateReport(
            [GateFinding(.checksums, .skipped, words)] + report.findings,
            unservable: report.unservable
        )
    }
}

extension OpenHome {
    /// Has a version pass its gates; throws the rejection that names gate, measure and limit.
    ///
    /// An altered file is a failure of its own, as it ever was. `withQuality` is false for a rollback.
    func requireGates(
        _ version: String,
        overriding: [String] = [],
        isExternal: Bool = false,
        withQuality: Bool = true
    ) async throws -> GateReport {
        let gates = HomeGates(folders, try folders.serviceSettings())
        let (root, handler) = (folders.root, handler)
        let limits = try gateLimits()
        ProgressBar.tell("checking \(version)")
        // A rollback is in a hurry; any other activation lets those who ask go first.
        let report = try await onThread(givingWay: withQuality) {
            let folder = try RegisteredFolder(version, home: root, commands: handler)
            return try gates.report(on: folder, limits, withQuality: withQuality)
        }
        if report.failed.contains(where: { $0.gate == .checksums }) { try await ModelCommand.verify(version, in: self) }
        let workers = isExternal ? [] : try await read { try InferenceWorkers.joined($0) }
        try report.require(overriding: overriding, workers: workers)
        return report
    }

    /// What the runtime config holds versions to.
    func gateLimits() throws -> GateLimits {
        GateLimits(try handler.state(for: InitialiseConfig(config: .runtime))[.runtime].effective)
    }

    /// How far the inference workers have followed the activation in force.
    func barrier() async throws -> ActivationBarrier {
        let now = Timestamp(microseconds: handler.clock.wall)
        let seconds = try folders.serviceSettings().integer("activation.wait-seconds")
        return try await read { try ActivationBarrier.fetch($0, now: now, waitSeconds: seconds) }
    }

    /// The barrier as soon as no worker has time left, at the latest after the time that one may take, whatever the wall clock says.
    func settledBarrier() async throws -> ActivationBarrier {
        let began = ContinuousClock.now
        while true {
            let barrier = try await barrier()
            guard barrier.state == .activating else { return barrier }
            guard ContinuousClock.now - began < .seconds(barrier.waitSeconds) else { return barrier.ended }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
