/// What a request may cost: sizes in bytes, times as durations; one value for a whole service.
///
/// The defaults are those of docs/http.md. Tests shorten the times; nothing else changes them but the settings.
package struct Limits: Sendable, Equatable {
    /// From the first byte of a head to its last.
    package var headDeadline: Duration = .seconds(10)
    /// From a finished answer to the first byte of the next head; a new connection has ``headDeadline`` instead.
    package var idleDeadline: Duration = .seconds(30)
    /// From a head to the end of its body, for routes that do not stream.
    package var bodyDeadline: Duration = .seconds(60)
    /// The least bytes of body in each second, after ``bodyGrace``.
    package var bodyRate = 1_024
    /// How long a body may stay behind its rate.
    package var bodyGrace: Duration = .seconds(10)
    /// How long an answer may wait for the client to read on.
    package var writeStall: Duration = .seconds(30)
    /// How long a refused connection may go on sending, so that the client can read the refusal.
    package var linger: Duration = .seconds(1)
    /// The handshake of TLS, from the accepted connection to the agreed protocol.
    package var handshakeDeadline: Duration = .seconds(10)
    /// How often deadlines of a running exchange are looked at.
    package var tick: Duration = .seconds(1)

    /// All fields of a head together.
    package var headBytes = 16 << 10
    /// Fields of a head.
    package var headFields = 100
    /// The target of a request: path and query.
    package var targetBytes = 8 << 10
    /// A body, where the route states nothing else.
    package var bodyBytes = 2 << 20

    /// Connections in all.
    package var connections = 1_024
    /// Connections of one address; the local socket counts as one address without a cap of its own.
    package var connectionsPerAddress = 128

    /// The defaults.
    package init() {}
}
