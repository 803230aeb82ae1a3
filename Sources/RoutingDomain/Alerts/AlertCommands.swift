/// One alert, folded from its stream.
package struct AlertState: CommandState {
    /// Where the event stands that opened it; nil while it is closed.
    package private(set) var openedPosition: UInt64?
    package private(set) var isAcknowledged = false

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        switch past.event {
        case is AlertOpened: (openedPosition, isAcknowledged) = (past.position, false)
        case is AlertAcknowledged: isAcknowledged = true
        case is AlertClosed: (openedPosition, isAcknowledged) = (nil, false)
        default: break
        }
    }

    /// The stream of an alert; every opening of it stands there.
    package static func stream(_ alert: String) -> String { "alert-\(alert)" }

    func requireOpen(_ alert: String) throws(Rejection) -> Int {
        guard let position = openedPosition else {
            throw Rejection(
                "alert.not-open",
                .conflict,
                "the alert \(alert.prefix(100)) is not open",
                hint: "`daybook alerts list` shows those that are",
                field: "alert",
                actual: String(alert.prefix(100))
            )
        }
        return Int(clamping: position)
    }
}

/// Opens an alert: the watch's own doing.
///
/// Once it is open, it is not opened again before it was closed, whoever tries.
package struct OpenAlert: Command {
    package static let name = "open-alert"
    package var alert: String
    package var finding: String
    package var advice: String

    package init(_ alert: AlertName, finding: String, advice: String) {
        self.alert = alert.description
        self.finding = finding
        self.advice = advice
    }

    package func streams(_ known: AlertState) -> [String] { [AlertState.stream(alert)] }

    package func decide(_ state: AlertState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let name = try AlertName.checked(alert)
        guard state.openedPosition == nil else {
            throw Rejection(
                "alert.open",
                .conflict,
                "the alert \(alert) is open already",
                hint: "it is closed first",
                field: "alert",
                actual: alert
            )
        }
        let event = AlertOpened(
            alert: alert,
            kind: name.kind,
            subject: name.subject,
            severity: name.kind.severity,
            finding: finding,
            advice: advice
        )
        return [Decided(event, on: AlertState.stream(alert))]
    }
}

/// Closes an alert: the watch's own doing.
package struct CloseAlert: Command {
    package static let name = "close-alert"
    package var alert: String
    package var finding: String

    package init(_ alert: AlertName, finding: String) {
        self.alert = alert.description
        self.finding = finding
    }

    package func streams(_ known: AlertState) -> [String] { [AlertState.stream(alert)] }

    package func decide(_ state: AlertState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let opened = try state.requireOpen(alert)
        return [
            Decided(AlertClosed(alert: alert, openedPosition: opened, finding: finding), on: AlertState.stream(alert))
        ]
    }
}

/// Says that somebody has seen an alert and what is being done; once for each opening.
package struct AcknowledgeAlert: RequestedCommand {
    package static let name = "acknowledge-alert"
    package static let permission = Permission.operate
    package var alert: String

    package init(alert: String) { self.alert = alert }

    package func streams(_ known: AlertState) -> [String] {
        // A name that none has reads a stream that none has.
        [AlertState.stream(AlertName(alert)?.description ?? "unknown")]
    }

    package func decide(_ state: AlertState, in context: CommandContext) throws(Rejection) -> [Decided] {
        let name = try AlertName.checked(alert)
        _ = try context.requireReason(for: "an acknowledgement")
        let opened = try state.requireOpen(alert)
        guard !state.isAcknowledged else {
            throw Rejection(
                "alert.acknowledged",
                .conflict,
                "the alert \(name) was acknowledged already",
                hint: "`daybook alerts list` shows by whom",
                field: "alert",
                actual: alert
            )
        }
        return [Decided(AlertAcknowledged(alert: alert, openedPosition: opened), on: AlertState.stream(alert))]
    }
}

extension AlertName {
    /// The name of a text; rejects one that no alert has.
    static func checked(_ text: String) throws(Rejection) -> AlertName {
        guard let name = AlertName(text), name.description == text else {
            throw Rejection(
                "alert.unknown",
                .notFound,
                "there is no alert \(text.prefix(100))",
                hint: "`daybook alerts list` shows them",
                field: "alert",
                actual: String(text.prefix(100))
            )
        }
        return name
    }
}
