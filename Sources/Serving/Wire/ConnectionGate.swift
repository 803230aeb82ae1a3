internal import Synchronization

/// Counts open connections, in all and by address, and says whether one more may come.
///
/// A refused one is closed at once and costs nothing further: waiting would let slow clients keep everyone else out.
package final class ConnectionGate: Sendable {
    private struct Counts {
        var total = 0
        var byAddress: [String: Int] = [:]
        var refused = 0
    }
    private let counts = Mutex(Counts())
    private let limits: Limits

    /// A gate with the caps of these limits.
    package init(limits: Limits) { self.limits = limits }

    /// Lets a connection of an address in, or says no; nil is the local socket, which has no cap of its own.
    package func enter(_ address: String?) -> Bool {
        counts.withLock { counts in
            let mine = address.map { counts.byAddress[$0] ?? 0 } ?? 0
            guard counts.total < limits.connections, address == nil || mine < limits.connectionsPerAddress else {
                counts.refused += 1
                return false
            }
            counts.total += 1
            if let address { counts.byAddress[address] = mine + 1 }
            return true
        }
    }

    /// Takes a connection that was let in off the counts.
    package func leave(_ address: String?) {
        counts.withLock { counts in
            counts.total -= 1
            guard let address, let mine = counts.byAddress[address] else { return }
            counts.byAddress[address] = mine == 1 ? nil : mine - 1
        }
    }

    /// Open connections now, and those refused since the start.
    package var state: (open: Int, refused: Int) { counts.withLock { ($0.total, $0.refused) } }
}
