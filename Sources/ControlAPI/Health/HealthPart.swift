package import CanonicalJSON
package import RoutingDomain

/// How a part of the service fares, from best to worst.
package enum HealthState: String, Choice, Comparable {
    case ok
    /// Nobody has looked yet.
    case unknown
    /// It works, and somebody should look at it.
    case degraded
    /// It does not work.
    case failed

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
}

/// One part of the service: how it fares, since when, and what to do.
package struct HealthPart: Sendable, Equatable {
    package let name: String
    package let state: HealthState
    /// Since when it has been in this state, as far as this process knows.
    package let since: Timestamp
    /// What was found, one sentence without a final stop.
    package let what: String
    /// What to do; empty where nothing is to be done.
    package let remedy: String
    /// Numbers and names behind the sentence.
    package let facts: JSONValue

    /// A part as it was found.
    package init(
        _ name: String,
        _ state: HealthState,
        since: Timestamp,
        _ what: String,
        remedy: String = "",
        facts: JSONValue = [:]
    ) {
        self.name = name
        self.state = state
        self.since = since
        self.what = what
        self.remedy = remedy
        self.facts = facts
    }

    /// The part as a JSON object.
    package var json: JSONValue {
        [
            "name": .string(name), "state": .string(state.rawValue), "since": .string(since.description),
            "what": .string(what), "do": .string(remedy), "facts": facts,
        ]
    }

    /// The part of a JSON object; nil for any other.
    package init?(_ json: JSONValue) {
        guard let name = json["name"]?.text, let state = json["state"]?.text.flatMap({ HealthState(rawValue: $0) }),
            let since = json["since"]?.text.flatMap({ Timestamp($0) }), let what = json["what"]?.text
        else { return nil }
        self.init(name, state, since: since, what, remedy: json["do"]?.text ?? "", facts: json["facts"] ?? [:])
    }
}

/// Every part of the service at one moment.
package struct HealthDocument: Sendable {
    /// The parts in the order in which people read them.
    package let parts: [HealthPart]

    /// A document of parts.
    package init(_ parts: [HealthPart]) { self.parts = parts }

    /// The worst state of any part.
    package var state: HealthState { parts.map(\.state).max() ?? .unknown }

    /// The parts that somebody should look at, the worst first.
    package var troubled: [HealthPart] {
        parts.filter { $0.state > .unknown }.sorted { $0.state > $1.state }
    }

    /// A part by its name.
    package subscript(_ name: String) -> HealthPart? { parts.first { $0.name == name } }

    /// The document as a JSON object.
    package var json: JSONValue { ["state": .string(state.rawValue), "parts": .array(parts.map(\.json))] }

    /// The document of a JSON object; nil for any other.
    package init?(_ json: JSONValue) {
        guard let elements = json["parts"]?.elements else { return nil }
        let parts = elements.compactMap(HealthPart.init)
        guard parts.count == elements.count, !parts.isEmpty else { return nil }
        self.init(parts)
    }
}

/// An alert's condition that holds now.
package struct AlertFinding: Sendable, Equatable {
    package let name: AlertName
    /// What was found, one sentence without a final stop.
    package let what: String
    /// What to do first.
    package let advice: String

    /// A finding; without an advice of its own the kind's.
    package init(_ name: AlertName, _ what: String, advice: String? = nil) {
        self.name = name
        self.what = what
        self.advice = advice ?? name.kind.advice
    }
}

/// What one look at a part came to.
package struct Look: Sendable {
    package var state: HealthState
    package var what: String
    package var remedy: String
    package var facts: [String: JSONValue]
    /// The conditions of alerts that hold.
    package var findings: [AlertFinding]

    /// A look; `findings` alone make it degraded, and tell what is wrong and what to do.
    package init(
        _ what: String,
        state: HealthState = .ok,
        remedy: String = "",
        facts: [String: JSONValue] = [:],
        findings: [AlertFinding] = []
    ) {
        self.state = findings.isEmpty ? state : max(state, .degraded)
        self.what = findings.isEmpty ? what : findings.map(\.what).joined(separator: "; ")
        self.remedy = findings.first?.advice ?? remedy
        self.facts = facts
        self.findings = findings
    }
}

/// Looks at one part; may block, and may hang without holding up another.
package struct Probe: Sendable {
    /// The part's name.
    package let name: String
    /// The kinds of alerts whose conditions it sees; what it does not find of these does not hold.
    package let watches: Set<AlertKind>
    /// Looks; `open` are the alerts that are open, for bands that close at another edge than they open.
    package let look: @Sendable (_ open: Set<AlertName>) throws -> Look

    /// A probe.
    package init(
        _ name: String,
        watches: Set<AlertKind> = [],
        look: @escaping @Sendable (_ open: Set<AlertName>) throws -> Look
    ) {
        self.name = name
        self.watches = watches
        self.look = look
    }
}
