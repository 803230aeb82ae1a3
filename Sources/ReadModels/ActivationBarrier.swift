package import CanonicalJSON
package import GRDB
package import RoutingDomain

/// How far an activation has come: whether every inference worker answers with the version.
package struct ActivationBarrier: Equatable, Sendable {
    /// Where the whole stands.
    package enum State: String, Choice {
        /// A worker is still loading, and has time left.
        case activating
        /// Every known worker answers with the version, or there is none.
        case active
        /// It went on without those that are named: late, or unable to load it.
        case partial
    }

    /// A worker that could not load the version.
    package struct Failure: Equatable, Sendable {
        package let worker: String
        package let problem: String
        /// What went wrong, one sentence.
        package let reason: String
    }

    package let state: State
    /// The activation that is meant; nil before the first.
    package let position: Int?
    package let version: String?
    /// Seconds that a worker may take.
    package let waitSeconds: Int
    /// Workers that answer with the version.
    package let loaded: [String]
    /// Workers that have time left.
    package let waiting: [String]
    /// Workers whose time is over.
    package let late: [String]
    package let failed: [Failure]
    /// Workers that were lost: named, and nobody waits for them.
    package let missing: [String]

    /// The barrier of an activation, by what the workers have said since.
    ///
    /// A worker is known from its joining to its leaving, and holds the activation until it has the version loaded: this manifest, since
    /// it joined, whether before the activation or after it. Its time begins with the activation, or with its joining where that was
    /// later. Where another service answers with the version, no worker holds anything.
    ///
    /// The wall clock may be set: a time before that beginning is none at all, and `elapsed` says how many microseconds have passed for
    /// certain, by a clock that nobody sets.
    package static func of(
        activation: ActivationRow?,
        manifestSha256: String?,
        workers: [WorkerRow],
        now: Timestamp,
        waitSeconds: Int,
        elapsed: Elapsed = { _, _ in 0 }
    ) -> ActivationBarrier {
        let missing = workers.filter { $0.status == WorkerStatus.lost.rawValue }.map(\.worker)
        let holds = activation.map { $0.isExternal == 0 } ?? false
        let known = holds ? workers.filter { $0.status == WorkerStatus.joined.rawValue } : []
        var (loaded, waiting, late): ([String], [String], [String]) = ([], [], [])
        var failed: [Failure] = []
        for row in known {
            guard let activation else { break }
            if row.answers(with: activation.version, manifestSha256) {
                loaded.append(row.worker)
            } else if let failure = row.failure(after: activation) {
                failed.append(failure)
            } else if max(now.microseconds - row.begins(activation), elapsed(activation, row)) < Int64(waitSeconds)
                * 1_000_000
            {
                waiting.append(row.worker)
            } else {
                late.append(row.worker)
            }
        }
        let state: State =
            if !waiting.isEmpty { .activating } else { late.isEmpty && failed.isEmpty ? .active : .partial }
        return ActivationBarrier(
            state: state,
            position: activation?.position,
            version: activation?.version,
            waitSeconds: waitSeconds,
            loaded: loaded,
            waiting: waiting,
            late: late,
            failed: failed,
            missing: missing
        )
    }

    /// The barrier of the activation in force; call it inside one read, so that rows and activation are of the same moment.
    package static func fetch(
        _ db: Database,
        now: Timestamp,
        waitSeconds: Int,
        elapsed: Elapsed = { _, _ in 0 }
    ) throws -> ActivationBarrier {
        let activation = try Activations.inForce(db, at: Int.max)
        let manifest = try activation.flatMap { try Models.show(db, version: $0.version)?.manifestSha256 }
        return of(
            activation: activation,
            manifestSha256: manifest,
            workers: try InferenceWorkers.list(db),
            now: now,
            waitSeconds: waitSeconds,
            elapsed: elapsed
        )
    }

    /// Microseconds that a worker has had for an activation.
    package typealias Elapsed = (ActivationRow, WorkerRow) -> Int64

    /// The barrier once nobody waits any more: who had time left is late.
    package var ended: ActivationBarrier {
        let late = (late + waiting).sorted()
        return ActivationBarrier(
            state: late.isEmpty && failed.isEmpty ? .active : .partial,
            position: position,
            version: version,
            waitSeconds: waitSeconds,
            loaded: loaded,
            waiting: [],
            late: late,
            failed: failed,
            missing: missing
        )
    }

    /// Whether a worker is named at all.
    package var hasWorkers: Bool { !(loaded + waiting + late + missing).isEmpty || !failed.isEmpty }

    /// Whether a worker is known, and none of those known could load the version: nobody waits, nobody answers.
    package var isHopeless: Bool { !failed.isEmpty && loaded.isEmpty && waiting.isEmpty && late.isEmpty }

    /// Who is meant, in one line: `line-1 loads; line-2 could not: …`.
    package var words: String {
        var parts: [String] = []
        func add(_ workers: [String], _ words: String) {
            if !workers.isEmpty { parts.append("\(workers.joined(separator: ", ")) \(words)") }
        }
        add(waiting, waiting.count == 1 ? "is loading it" : "are loading it")
        add(late, "did not load it within \(waitSeconds) s")
        for failure in failed { parts.append("\(failure.worker) could not load it: \(failure.reason)") }
        add(missing, missing.count == 1 ? "is missing" : "are missing")
        if parts.isEmpty {
            parts.append(
                loaded.isEmpty ? "no inference worker has joined" : "\(loaded.joined(separator: ", ")) loaded it"
            )
        }
        return parts.joined(separator: "; ")
    }

    /// The barrier as a document.
    package var json: JSONValue {
        func names(_ workers: [String]) -> JSONValue { .array(workers.map { .string($0) }) }
        var members: [String: JSONValue] = [
            "state": .string(state.rawValue), "wait_seconds": .integer(waitSeconds), "loaded": names(loaded),
            "waiting": names(waiting), "late": names(late), "missing": names(missing),
            "failed": .array(
                failed.map {
                    ["worker": .string($0.worker), "problem": .string($0.problem), "reason": .string($0.reason)]
                }
            ),
        ]
        members["position"] = position.map { .integer($0) }
        members["version"] = version.map { .string($0) }
        return .object(members)
    }
}

extension WorkerRow {
    /// Whether it answers with the very version: one whose files it verified against another manifest is another one.
    fileprivate func answers(with version: String, _ manifest: String?) -> Bool {
        self.version == version && loadedPosition != nil && (manifest == nil || manifestSha256 == manifest)
    }

    fileprivate func failure(after activation: ActivationRow) -> ActivationBarrier.Failure? {
        guard failedVersion == activation.version, let failedPosition, failedPosition > activation.position else {
            return nil
        }
        return ActivationBarrier.Failure(worker: worker, problem: failedProblem ?? "-", reason: failedMessage ?? "-")
    }

    /// When its time begins, in microseconds since 1970.
    fileprivate func begins(_ activation: ActivationRow) -> Int64 {
        [activation.recordedAt, joinedAt].compactMap { Timestamp($0)?.microseconds }.max() ?? 0
    }
}
