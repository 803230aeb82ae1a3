package import Serving

/// What subscribers of the feed may cost.
package struct FeedLimits: Sendable {
    /// The longest silence of a stream: then it says how far it has scanned, and asks whether the caller may still listen.
    package var heartbeat: Duration
    /// Streams in all.
    package var streams: Int
    /// Streams of one session or key; of one person at the local socket.
    package var streamsPerCaller: Int
    /// How long rendered events are shared: they hold people's names.
    package var shared: Duration = .seconds(5)
    /// The most events, in bytes as rendered, that are kept to be shared.
    package var sharedBytes = 8 << 20

    /// Limits as the settings give them.
    package init(heartbeat: Duration = .seconds(15), streams: Int = 512, streamsPerCaller: Int = 32) {
        self.heartbeat = heartbeat
        self.streams = streams
        self.streamsPerCaller = streamsPerCaller
    }

    /// The limits that the settings name.
    package init(_ settings: Settings) {
        self.init(
            heartbeat: .seconds(settings.integer("feed.heartbeat-seconds")),
            streams: settings.integer("feed.streams"),
            streamsPerCaller: settings.integer("feed.streams-per-caller")
        )
    }

    /// The settings behind them, beside those of the service itself.
    package static let settings = [
        Setting(
            "feed.heartbeat-seconds",
            .integer(1...300),
            .integer(15),
            "The longest silence of a stream of events."
        ),
        Setting("feed.streams", .integer(1...100_000), .integer(512), "Streams of events in all."),
        Setting(
            "feed.streams-per-caller",
            .integer(1...100_000),
            .integer(32),
            "Streams of events of one session or key."
        ),
    ]
}
