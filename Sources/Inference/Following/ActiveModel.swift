internal import Synchronization

/// Which version serves, and how: what every request looks at once.
///
/// One swap changes the version for all requests that begin after it. Version and settings are taken together.
package final class ActiveModel: Sendable {
    /// What a request is answered with.
    struct Turn: Sendable {
        var served: ServedModel?
        var settings: ServingSettings
    }

    private let turn = Mutex(Turn(served: nil, settings: ServingSettings([:])))
    private let swaps = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// No version yet.
    package init() {}

    /// The version and the settings of this moment.
    var now: Turn { turn.withLock { $0 } }

    /// The version that serves; nil before the first was loaded.
    package var served: ServedModel? { now.served }

    /// Each version that serves, from the moment on that it does; for one reader.
    package var versions: AsyncStream<String> { swaps.stream }

    /// Puts a version in the place of the one that serves; requests that hold the older one end with it.
    func swap(_ served: ServedModel) {
        // The older version may be freed here, which takes a while: not under the lock.
        let before = turn.withLock { turn in
            defer { turn.served = served }
            return turn.served
        }
        swaps.continuation.yield(served.order.version)
        served.resize(by: now.settings)
        withExtendedLifetime(before) {}
    }

    /// Takes other settings, for every request that begins after it.
    func take(_ settings: ServingSettings) {
        let served = turn.withLock { turn in
            // What was read by other columns is no answer to the same text any more.
            if turn.settings.attributes != settings.attributes, let served = turn.served {
                turn.served = served.emptied(by: settings)
            }
            turn.settings = settings
            return turn.served
        }
        served?.resize(by: settings)
    }
}

extension ServedModel {
    fileprivate func resize(by settings: ServingSettings) {
        if embeddings.figures.limit != settings.embeddingEntries { embeddings.resize(to: settings.embeddingEntries) }
        if summaries.figures.limit != settings.summaryEntries { summaries.resize(to: settings.summaryEntries) }
    }
}
