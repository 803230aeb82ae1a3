/// Another person looked at a change that nobody had approved before.
package struct ChangeReviewed: DomainEvent {
    package var reviewedPosition: Int
    package var reviewedStream: String

    package init(reviewedPosition: Int, reviewedStream: String) {
        self.reviewedPosition = reviewedPosition
        self.reviewedStream = reviewedStream
    }

    package static let about = EventAbout(
        "change.reviewed",
        summary: "the change at position {reviewed_position} ({reviewed_stream}) was reviewed",
        notes: [
            "reviewed_position": "position of the change",
            "reviewed_stream": "stream of the change",
        ]
    )
}

/// Says that another person has looked at an emergency change, a console write or a changed rule.
package struct ReviewChange: RequestedCommand {
    /// The changes of the named stream that wait for a review, and who the reviewer is.
    package struct State: CommandState {
        /// A change that must be looked at.
        struct Change: Sendable {
            let stream: String
            let actor: String
        }

        private(set) var open: [UInt64: Change] = [:]
        /// Every position seen, with its stream.
        private(set) var places: [UInt64: String] = [:]
        private(set) var reviews: [UInt64: String] = [:]
        private(set) var access = AccessState()

        package init() {}

        package mutating func apply(_ past: HistoricEvent) {
            access.apply(past)
            places[past.position] = past.stream
            if let review = past.event as? ChangeReviewed {
                reviews[UInt64(max(0, review.reviewedPosition))] = past.actor
            }
            if Self.waits(past) { open[past.position] = Change(stream: past.stream, actor: past.actor) }
        }

        private static func waits(_ past: HistoricEvent) -> Bool {
            let isMarked =
                switch past.event {
                case let event as ModelActivated: event.isEmergency
                case let event as ConfigPatched: event.isEmergency
                case let event as ConfigRestored: event.isEmergency
                case is ApprovalRuleSet: true
                default: false
                }
            return isMarked || Door.isConsole(past.auth)
        }
    }

    package static let name = "review-change"
    package static let permission = Permission.approve
    /// The position of the change.
    package var position: Int
    /// The stream that the change stands on.
    package var stream: String
    /// The pseudonym of who reviewed: the command's actor, whose own stream tells whether the person is known.
    package var reviewer: String

    package init(position: Int, stream: String, reviewer: String) {
        self.position = position
        self.stream = stream
        self.reviewer = reviewer
    }

    /// The stream that holds the review of a change: at most one event.
    package static func stream(of position: Int) -> String { "change-\(position)" }

    package func streams(_ known: State) -> [String] {
        [stream, Self.stream(of: max(0, position)), AccessStreams.directory, AccessStreams.user(reviewer)]
    }

    package func decide(_ state: State, in context: CommandContext) throws(Rejection) -> [Decided] {
        _ = try context.requireReason(for: "a review")
        guard position >= 0, state.places[UInt64(position)] == stream else {
            throw Rejection(
                "change.unknown",
                .notFound,
                "there is no change at position \(position) of \(stream.prefix(120))",
                hint: "`daybook changes` lists the changes",
                field: "position",
                actual: String(position)
            )
        }
        guard let change = state.open[UInt64(position)] else {
            throw Rejection(
                "change.not-open",
                .conflict,
                "the change at position \(position) waits for no review",
                hint: "emergency changes, console writes and changed rules do: `daybook changes --open`",
                field: "position",
                actual: String(position)
            )
        }
        if let earlier = state.reviews[UInt64(position)] {
            throw Rejection(
                "change.reviewed",
                .conflict,
                "the change at position \(position) was reviewed already",
                hint: "a review stays; `daybook changes` shows whose it was",
                field: "position",
                actual: earlier
            )
        }
        try requireReviewer(of: change, state.access, context)
        let event = ChangeReviewed(reviewedPosition: position, reviewedStream: stream)
        return [Decided(event, on: Self.stream(of: position))]
    }

    /// Another person than the actor, known, and with the right to approve; not by the console, which proves nobody.
    private func requireReviewer(
        of change: State.Change,
        _ access: AccessState,
        _ context: CommandContext
    ) throws(Rejection) {
        guard change.actor != context.actor else {
            throw Rejection(
                "change.own",
                .notAllowed,
                "the person who made the change at position \(position) cannot review it",
                hint: "another person looks at it",
                field: "actor",
                limit: "another person"
            )
        }
        guard !context.isConsole else {
            throw Rejection(
                "change.console",
                .notAllowed,
                "a review does not come through the console: it would be a second pair of eyes that nobody saw",
                hint: "review it through the running service",
                field: "actor"
            )
        }
        let user = access.users[context.actor]
        let mayApprove = user.map { $0.status == .active && $0.role?.permissions.contains(.approve) == true } ?? true
        guard reviewer == context.actor, access.people.known.contains(context.actor), mayApprove else {
            throw Rejection(
                "change.reviewer",
                .notAllowed,
                "only a known person who may approve can review a change",
                hint: "an approver or an administrator does; `daybook person list` shows who is known",
                field: "actor",
                limit: Permission.approve.rawValue,
                actual: user?.role?.rawValue
            )
        }
    }
}
