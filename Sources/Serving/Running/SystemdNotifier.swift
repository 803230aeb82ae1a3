internal import CPOSIX
internal import Glibc
internal import ServiceLifecycle

/// Tells systemd how the service fares, when systemd started it with `Type=notify`.
///
/// Without `NOTIFY_SOCKET` every call does nothing. A message that cannot be delivered is dropped: a service does not fail because
/// nobody listens.
package struct SystemdNotifier: Sendable {
    private let socket: String?
    /// How often systemd wants a sign of life, or nil.
    package let watchdog: Duration?

    /// A notifier by the variables of the environment.
    package init(environment: [String: String]) {
        socket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.map { .microseconds($0) } : nil
    }

    /// The service answers requests.
    package func ready() { send("READY=1") }

    /// The service takes no further connections.
    package func stopping() { send("STOPPING=1") }

    /// The service lives.
    package func alive() { send("WATCHDOG=1") }

    /// One line for `systemctl status`.
    package func status(_ words: String) { send("STATUS=\(words.replacing("\n", with: " "))") }

    private func send(_ message: String) {
        guard let socket else { return }
        _ = cposix_send_datagram(socket, message, message.utf8.count)
    }
}

/// Sends signs of life at half the time that systemd allows, as long as the service finds itself well.
package struct Watchdog: Service {
    private let notifier: SystemdNotifier
    private let isWell: @Sendable () async -> Bool

    /// Signs of life while `isWell` says so; systemd restarts a service that falls silent.
    package init(notifier: SystemdNotifier, isWell: @escaping @Sendable () async -> Bool) {
        self.notifier = notifier
        self.isWell = isWell
    }

    /// Sends signs of life until the end; does nothing where systemd wants none.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            guard let every = notifier.watchdog else {
                try? await gracefulShutdown()
                return
            }
            repeat {
                if await isWell() { notifier.alive() }
            } while (try? await Task.sleep(for: every / 2)) != nil
        }
    }
}
