package import Metering
internal import Observing
internal import RoutingDomain

extension Observation {
    /// Tells a scrape of the feed's subscribers and of open alerts.
    package func watch(_ feed: Feed, _ board: HealthBoard) {
        metrics.sample(.feedSubscribers) { [([], Double(feed.figures.subscribers))] }
        metrics.sample(.feedDropped) { [([], Double(feed.figures.slow))] }
        metrics.sample(.alertsOpen) {
            let open = board.alerts
            return AlertSeverity.allCases.map { severity in
                ([severity.rawValue], Double(open.count { $0.name.kind.severity == severity }))
            }
        }
    }
}
