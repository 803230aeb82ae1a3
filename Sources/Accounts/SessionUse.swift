package import Foundation
internal import GRDB
internal import Synchronization

/// When each session was last used: in memory to the moment, in `data/state.db` to five minutes, in the log not at all.
package final class SessionUse: Sendable {
    /// How long a session lives without being used, in microseconds: eight hours, a shift.
    package static let longestIdle: Int64 = 8 * 3_600_000_000
    /// How far the file may lag behind.
    package static let coarseness: Int64 = 5 * 60_000_000

    private struct Moment {
        var seen: Int64
        var kept: Int64
    }

    private let people: People
    private let moments: Mutex<[String: Moment]>
    private let keys = Mutex<[String: Int64]>([:])

    /// Reads what the file knows.
    package init(_ people: People) throws(PeopleFault) {
        self.people = people
        let rows = try people.sessionUses()
        moments = Mutex(rows.mapValues { Moment(seen: $0, kept: $0) })
    }

    /// What a use of a session came to.
    package struct Outcome: Sendable {
        /// Whether it was used recently enough to go on.
        package let mayGoOn: Bool
        /// Whether ``SessionUse/keep(_:of:at:)`` is to be called.
        package let isDue: Bool
    }

    /// Notes that a session is used, unless it was idle for too long; touches no file.
    ///
    /// A session that nothing is known of counts from its start. All times are microseconds since 1970.
    package func use(_ session: String, startedAt: Int64, now: Int64) -> Outcome {
        moments.withLock { moments in
            var moment = moments[session] ?? Moment(seen: startedAt, kept: startedAt)
            guard now - moment.seen < Self.longestIdle else { return Outcome(mayGoOn: false, isDue: false) }
            moment.seen = max(moment.seen, now)
            let isDue = now - moment.kept >= Self.coarseness
            if isDue { moment.kept = now }
            moments[session] = moment
            return Outcome(mayGoOn: true, isDue: isDue)
        }
    }

    /// What a use would come to, and notes none.
    package func look(_ session: String, startedAt: Int64, now: Int64) -> Outcome {
        let seen = lastUse(of: session) ?? startedAt
        return Outcome(mayGoOn: now - seen < Self.longestIdle, isDue: false)
    }

    /// Writes when a session was last used; blocks.
    ///
    /// Throws ``PeopleFault`` when the file cannot be written.
    package func keep(_ session: String, of user: UUID, at now: Int64) throws(PeopleFault) {
        try people.keepUse(of: session, by: user, at: now)
    }

    /// When a session was last used, as far as is known.
    package func lastUse(of session: String) -> Int64? { moments.withLock { $0[session]?.seen } }

    /// Notes that a service key is used; in memory only, as nothing depends on it.
    package func note(key: String, now: Int64) { keys.withLock { $0[key] = max($0[key] ?? now, now) } }

    /// When a service key was last used since this process started; nil where it was not.
    package func lastUse(ofKey key: String) -> Int64? { keys.withLock { $0[key] } }

    /// Forgets all sessions but those named.
    package func keepOnly(_ sessions: Set<String>) throws(PeopleFault) {
        let gone = moments.withLock { moments in
            let gone = moments.keys.filter { !sessions.contains($0) }
            for session in gone { moments[session] = nil }
            return gone
        }
        try people.forgetUses(of: gone)
    }
}

extension People {
    func sessionUses() throws(PeopleFault) -> [String: Int64] {
        try reading { database in
            let rows = try Row.fetchAll(database, sql: "SELECT session, seen_at FROM session_use")
            return Dictionary(rows.map { ($0["session"], $0["seen_at"]) }, uniquingKeysWith: max)
        }
    }

    func keepUse(of session: String, by user: UUID, at now: Int64) throws(PeopleFault) {
        try writing {
            try $0.execute(
                sql: """
                    INSERT INTO session_use (session, id, seen_at) VALUES (?, ?, ?)
                    ON CONFLICT (session) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)
                    """,
                arguments: [session, user.text, now]
            )
        }
    }

    func forgetUses(of sessions: [String]) throws(PeopleFault) {
        guard !sessions.isEmpty else { return }
        try writing { database in
            for session in sessions {
                try database.execute(sql: "DELETE FROM session_use WHERE session = ?", arguments: [session])
            }
        }
    }
}
