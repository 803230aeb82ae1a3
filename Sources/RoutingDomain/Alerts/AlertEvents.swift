/// Something that Daybook watches is not as it should be.
package struct AlertOpened: DomainEvent {
    package var alert: String
    package var kind: AlertKind
    package var subject: String?
    package var severity: AlertSeverity
    package var finding: String
    package var advice: String

    package init(
        alert: String,
        kind: AlertKind,
        subject: String? = nil,
        severity: AlertSeverity,
        finding: String,
        advice: String
    ) {
        self.alert = alert
        self.kind = kind
        self.subject = subject
        self.severity = severity
        self.finding = finding
        self.advice = advice
    }

    package static let about = EventAbout(
        "alert.opened",
        summary: "alert {alert} was opened: {finding}",
        object: "alert",
        notes: [
            "alert": "which alert: its kind, and after a point what it is about",
            "kind": "what is watched",
            "subject": "what it is about: a projection, a worker, a service; absent where there is only one",
            "severity": "warning or critical",
            "finding": "what was found, one sentence",
            "advice": "what to do first",
        ]
    )
}

/// What an alert told of is over.
package struct AlertClosed: DomainEvent {
    package var alert: String
    package var openedPosition: Int
    package var finding: String

    package init(alert: String, openedPosition: Int, finding: String) {
        self.alert = alert
        self.openedPosition = openedPosition
        self.finding = finding
    }

    package static let about = EventAbout(
        "alert.closed",
        summary: "alert {alert} was closed: {finding}",
        object: "alert",
        notes: [
            "alert": "which alert",
            "opened_position": "position of the event that opened it",
            "finding": "what was found instead, one sentence",
        ]
    )
}

/// Somebody has seen an alert and says what is being done; it stays open until what it tells of is over.
package struct AlertAcknowledged: DomainEvent {
    package var alert: String
    package var openedPosition: Int

    package init(alert: String, openedPosition: Int) {
        self.alert = alert
        self.openedPosition = openedPosition
    }

    package static let about = EventAbout(
        "alert.acknowledged",
        summary: "alert {alert} was acknowledged",
        object: "alert",
        notes: [
            "alert": "which alert",
            "opened_position": "position of the event that opened it",
        ]
    )
}
