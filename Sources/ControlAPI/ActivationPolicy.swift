internal import CanonicalJSON
internal import ModelFolders
package import ModelIntake
internal import ReadModels
package import RoutingDomain
package import Serving

/// What the service holds an activation to: how long workers may take, and what the version must pass before.
package struct ActivationPolicy: Sendable {
    /// Seconds that an inference worker may take to load the version; who takes longer is named, and not waited for.
    package let waitSeconds: Int
    /// Looks at a version's folder, without the gates of quality for a rollback.
    package let check: @Sendable (RegisteredFolder, GateLimits, _ withQuality: Bool) async throws -> GateReport

    /// A policy; without a `check` of its own it compares the files with their manifest and looks no further.
    package init(
        waitSeconds: Int = 10,
        check: @escaping @Sendable (RegisteredFolder, GateLimits, _ withQuality: Bool) async throws -> GateReport = {
            folder,
            _,
            _ in
            try await BlockingWork.run { GateReport([ActivationPolicy.checksums(of: folder)]) }
        }
    ) {
        self.waitSeconds = waitSeconds
        self.check = check
    }

    /// Whether every file is as it was registered; blocks for about a second per gigabyte.
    package static func checksums(of folder: RegisteredFolder) -> GateFinding {
        let problems = folder.problems()
        guard !problems.isEmpty else { return GateFinding(.checksums, .passed, "every file is as registered") }
        let words = problems.prefix(5).map(\.description).joined(separator: "; ")
        return GateFinding(.checksums, .failed, actual: "\(problems.count)", limit: "0", words)
    }

    /// The settings behind it.
    package static let settings = [
        Serving.Setting(
            "activation.wait-seconds",
            .integer(1...3_600),
            .integer(10),
            "Seconds that an inference worker may take to load an activated version before it counts as late."
        ),
        Serving.Setting(
            "activation.check-seconds",
            .integer(5...86_400),
            .integer(300),
            "Seconds that the check of a version before its activation may take."
        ),
        Serving.Setting(
            "activation.check-memory-mb",
            .integer(64...1_048_576),
            .integer(8_192),
            "Megabytes of address space that the process of that check may take."
        ),
    ]
}

extension ControlHome {
    /// Looks at everything that a version must pass; throws the problem that names gate, measure and limit.
    ///
    /// An altered file is a problem of its own, as it ever was. Where another service answers with the version, no worker has to be
    /// able to. `withQuality` is false for a rollback.
    func requireGates(
        _ version: String,
        overriding: [String] = [],
        isExternal: Bool = false,
        withQuality: Bool = true
    ) async throws -> GateReport {
        let store = models
        let folder = try await blocking { try store.registered(version) }
        let values = try await blocking { try self.current(.runtime).values }
        let report = try await activation.check(folder, GateLimits(values), withQuality)
        if report.failed.contains(where: { $0.gate == .checksums }) { try await requireIntact(version) }
        let workers = isExternal ? [] : try await registry.read { try InferenceWorkers.joined($0) }
        do {
            try report.require(overriding: overriding, workers: workers)
        } catch {
            guard error.rule == "model.gate" else { throw error }
            let problem = ControlProblems.problem(of: error)
            let facts = problem.facts.merging(["gates": .array(report.findings.map(\.json))]) { $1 }
            throw Problem(problem.kind, problem.detail, facts: facts, hint: problem.hint)
        }
        return report
    }
}
