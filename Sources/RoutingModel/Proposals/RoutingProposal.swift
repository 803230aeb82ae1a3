/// How a new part is to be made, as far as similar parts tell.
package struct RoutingProposal: Sendable, Equatable {
    /// A part that is like the one asked for.
    package struct Neighbour: Sendable, Equatable {
        /// Its place among the model's parts.
        package let part: Int
        /// Squared distance of the vectors.
        package let distance: Double
        /// How much its routing counted, from 0 to 1.
        package let weight: Double
    }

    /// What an operation takes at the part.
    package struct Work: Sendable, Equatable {
        package let operation: UInt16
        /// Minutes to set up; nil where no set-up of the operation is known.
        package let setup: MinutesRange?
        /// Minutes for each piece; nil where no time of the operation is known.
        package let run: MinutesRange?
    }

    /// An operation that is proposed.
    package struct Operation: Sendable, Equatable {
        package let work: Work
        /// The share of the neighbours' weight that has it.
        package let share: Double
    }

    /// Another way to make the part.
    package struct Alternative: Sendable, Equatable {
        /// Where it comes from.
        package enum Origin: String, Sendable {
            /// Neighbours are made so.
            case neighbours
            /// What most neighbours have at each place; may never have been made so.
            case consensus
        }

        package let origin: Origin
        package let operations: [UInt16]
        /// The share of the neighbours' weight that is made exactly so.
        package let share: Double
    }

    /// A place of the routing where neighbours differ.
    package struct Expansion: Sendable, Equatable {
        /// What some neighbours have there.
        package struct Choice: Sendable, Equatable {
            /// Nil for leaving the place out.
            package let operation: UInt16?
            package let share: Double
        }

        /// The place in the routing; for what comes in between, the place that it precedes.
        package let place: Int
        /// Whether the choices come before the place, rather than instead of it.
        package let isInsertion: Bool
        /// In descending order of share.
        package let choices: [Choice]
    }

    /// What the gates make of the confidence.
    package enum Verdict: String, Sendable, CaseIterable {
        /// It stands without a remark.
        case accepted
        /// A person has to look at it.
        case review
        /// The evidence is too weak: no recommendation.
        case none
    }

    package let neighbours: [Neighbour]
    /// The routing to which the neighbours' are nearest; a routing that exists.
    package let operations: [Operation]
    /// Other routings, the likeliest first.
    package let alternatives: [Alternative]
    package let expansions: [Expansion]
    /// The work of what alternatives and expansions have and the routing has not, each once, as they first name it.
    package let otherWork: [Work]
    /// The estimated probability that at most one operation has to be changed, from 0 to 1.
    package let confidence: Double
    package let verdict: Verdict
}

/// The two limits of confidence: below `review` there is no recommendation, from `accept` on it stands.
package struct ConfidenceGates: Sendable, Equatable {
    package let accept: Double
    package let review: Double

    package init(accept: Double = 0.8, review: Double = 0.5) { (self.accept, self.review) = (accept, review) }

    func verdict(_ confidence: Double) -> RoutingProposal.Verdict {
        confidence >= accept ? .accepted : confidence >= review ? .review : .none
    }
}
