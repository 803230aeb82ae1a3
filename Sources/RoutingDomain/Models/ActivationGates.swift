package import CanonicalJSON

/// What a version must pass before it becomes active.
package enum ActivationGate: String, Choice {
    /// Manifest and every file are as they were registered.
    case checksums
    /// A process of its own reads the model in full.
    case load
    /// Parts of the version are asked: each answers in numbers, and finds itself first.
    case canaries
    /// The share of the true neighbours that the index finds at the configured breadth.
    case recallFloor = "recall_floor"
    /// The median error of held-out minutes, in percent.
    case medianError = "median_ape"
    /// The share of held-out parts that needed one edit at most.
    case withinOneEdit = "within_one_edit"

    /// Whether it judges how good the version is, so that somebody who may approve can override it, and a rollback passes over it.
    package var isQuality: Bool {
        switch self {
        case .checksums, .load: false
        case .canaries, .recallFloor, .medianError, .withinOneEdit: true
        }
    }
}

/// How a version fared at one gate.
package struct GateFinding: Hashable, Sendable {
    /// What came of it.
    package enum State: String, Choice {
        case passed
        case failed
        /// It was not looked at, and need not be.
        case skipped
        /// The version does not tell what it would take to know; that is no failure.
        case unknown
    }

    package let gate: ActivationGate
    package let state: State
    /// What was found, in the gate's own unit; nil where there is no measure.
    package let actual: String?
    /// What it is held against.
    package let limit: String?
    /// One sentence without a final stop.
    package let reason: String

    package init(
        _ gate: ActivationGate,
        _ state: State,
        actual: String? = nil,
        limit: String? = nil,
        _ reason: String
    ) {
        (self.gate, self.state, self.actual, self.limit, self.reason) = (gate, state, actual, limit, reason)
    }

    /// The finding as a document; nil for one that is none.
    package init?(_ json: JSONValue) {
        guard let gate = json["gate"]?.text.flatMap({ ActivationGate(rawValue: $0) }),
            let state = json["state"]?.text.flatMap({ State(rawValue: $0) }), let reason = json["reason"]?.text
        else { return nil }
        self.init(gate, state, actual: json["actual"]?.text, limit: json["limit"]?.text, reason)
    }

    /// The finding as a document.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "gate": .string(gate.rawValue), "state": .string(state.rawValue), "reason": .string(reason),
        ]
        members["actual"] = actual.map { .string($0) }
        members["limit"] = limit.map { .string($0) }
        return .object(members)
    }

    /// `recall_floor is 0.91, limit 0.95: …`.
    package var words: String {
        let measure = actual.map { " is \($0)\(limit.map { ", limit \($0)" } ?? "")" } ?? ""
        return "\(gate.rawValue)\(measure): \(reason)"
    }
}

/// What a version is held against before it becomes active.
package struct GateLimits: Hashable, Sendable {
    /// The least share of true neighbours, from 0 to 1 with two digits.
    package let recallFloor: String
    /// The greatest median error of held-out minutes, in percent with one digit.
    package let medianErrorPercent: String
    /// The least share of held-out parts within one edit, from 0 to 1 with two digits.
    package let withinOneEdit: String
    /// The breadth of the search at which recall is measured.
    package let efSearch: Int
    /// The neighbours that are asked for.
    package let topK: Int

    /// The limits of the runtime config, by its values in stored form; defaults for what is not there.
    package init(_ values: [String: JSONValue] = [:]) {
        func value(_ name: String) -> JSONValue {
            guard let value = values[name] ?? SettingsSchema.runtime.initialValues[name] else {
                preconditionFailure("\(name) is a setting of the runtime config")
            }
            return value
        }
        recallFloor = value("activation_gates.recall_floor").text ?? "0.00"
        medianErrorPercent = value("activation_gates.median_ape_percent").text ?? "0.0"
        withinOneEdit = value("activation_gates.within_one_edit").text ?? "0.00"
        efSearch = value("ef_search").number ?? 128
        topK = value("top_k").number ?? 20
    }

    /// The limits as a document; defaults for what is not there.
    package init(json: JSONValue) {
        self.init(
            [
                "activation_gates.recall_floor": json["recall_floor"],
                "activation_gates.median_ape_percent": json["median_ape"],
                "activation_gates.within_one_edit": json["within_one_edit"], "ef_search": json["ef_search"],
                "top_k": json["top_k"],
            ].compactMapValues { $0 }
        )
    }

    /// The limits as a document.
    package var json: JSONValue {
        [
            "recall_floor": .string(recallFloor), "median_ape": .string(medianErrorPercent),
            "within_one_edit": .string(withinOneEdit), "ef_search": .integer(efSearch), "top_k": .integer(topK),
        ]
    }
}

/// How a version fared at every gate, and whether an inference worker of this program could serve it.
package struct GateReport: Hashable, Sendable {
    package let findings: [GateFinding]
    /// Why no inference worker can serve it; nil where one can.
    package let unservable: String?

    package init(_ findings: [GateFinding], unservable: String? = nil) {
        (self.findings, self.unservable) = (findings, unservable)
    }

    /// The report as a document; nil for one that is none.
    package init?(_ json: JSONValue) {
        guard let items = json["gates"]?.elements else { return nil }
        let findings = items.compactMap { GateFinding($0) }
        guard findings.count == items.count else { return nil }
        self.init(findings, unservable: json["unservable"]?.text)
    }

    /// The report as a document.
    package var json: JSONValue {
        var members: [String: JSONValue] = ["gates": .array(findings.map(\.json)), "passed": .bool(failed.isEmpty)]
        members["unservable"] = unservable.map { .string($0) }
        return .object(members)
    }

    /// The gates that it failed at, in their order.
    package var failed: [GateFinding] { findings.filter { $0.state == .failed } }

    /// Throws unless every gate is passed but those of quality that are overridden, and those were needed to be.
    ///
    /// `workers` are the inference workers that would have to serve the version; none where another service will.
    package func require(overriding names: [String] = [], workers: [String] = []) throws(Rejection) {
        for name in names where findings.contains(where: { $0.gate.rawValue == name && $0.state != .failed }) {
            throw Rejection(
                "gate.not-failed",
                .invalid,
                "the gate \(name) did not fail: there is nothing to override",
                hint: "`daybook model check VERSION` shows what failed; override only that",
                field: "override_gates",
                actual: name
            )
        }
        let held = failed.filter { !$0.gate.isQuality || !names.contains($0.gate.rawValue) }
        guard held.isEmpty else { throw Rejection(all: held.map(Self.refusal)) }
        guard let unservable, let worker = workers.first else { return }
        let others = workers.count > 1 ? " and \(workers.count - 1) more" : ""
        throw Rejection(
            "model.not-servable",
            .conflict,
            "worker \(worker)\(others) cannot serve this version: \(unservable)",
            hint:
                "activate a version that `daybook model examine` calls native, or say --external if another service serves it",
            field: "external",
            limit: "native",
            actual: worker
        )
    }

    private static func refusal(_ finding: GateFinding) -> Rejection {
        let name = finding.gate.rawValue
        let hint =
            finding.gate.isQuality
            ? "train anew, or have somebody who may approve override it: --override-gates \(name) --override-reason \"…\""
            : "`daybook model check VERSION` shows more; this gate is never overridden"
        return Rejection(
            "model.gate",
            .invalid,
            "the gate \(finding.words)",
            hint: hint,
            field: name,
            limit: finding.limit,
            actual: finding.actual
        )
    }
}
