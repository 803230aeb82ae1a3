package import CanonicalJSON
package import GRDB
import RoutingDomain

/// One configuration at a glance.
package struct ConfigOverview: Equatable, Sendable {
    package let config: String
    package let settings: [SettingRow]
    /// The change that last touched it; nil before `init`.
    package let lastChange: ConfigChange?

    /// The configuration as a JSON object.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "config": .string(config), "settings": .array(settings.map(\.json)),
        ]
        members["last_change"] = lastChange?.json
        return .object(members)
    }
}

/// What `daybook status` shows of the read models, in one read.
package struct Overview: Equatable, Sendable {
    package let active: ModelDetail?
    package let models: Int
    package let configs: [ConfigOverview]
    /// The last five entries of the logbook, newest first.
    package let recent: [LogbookEntry]
    package let waitingApprovals: [ApprovalRow]
    package let temporaryChanges: [TemporaryChangeRow]
    /// Emergency changes, console writes and changed rules that no other person has reviewed yet.
    package let changesToReview: Int
    package let openTasks: Int
    package let parked: [ProjectionState]
    /// The least checkpoint of all projections: everything before it is in every table.
    ///
    /// Nil before the first run.
    package let checkpoint: Int?

    /// Reads everything from one connection; call it inside one read, so that all parts are of the same moment.
    package static func fetch(_ db: Database) throws -> Overview {
        Overview(
            active: try Models.active(db),
            models: try Models.count(db),
            configs: try ConfigName.allCases.map { config in
                ConfigOverview(
                    config: config.rawValue,
                    settings: try Configs.current(db, config),
                    lastChange: try Configs.history(db, config, limit: 1).first
                )
            },
            recent: try LogbookEntry.fetchAll(
                db,
                sql: "SELECT \(LogbookEntry.columns) FROM sprint_logbook ORDER BY position DESC LIMIT 5"
            ),
            waitingApprovals: try Approvals.waiting(db),
            temporaryChanges: try TemporaryChanges.list(db),
            changesToReview: try Changes.waitingForReview(db),
            openTasks: try Tasks.count(db, status: "open"),
            parked: try ProjectionStates.parked(db),
            checkpoint: try Int.fetchOne(db, sql: "SELECT min(checkpoint) FROM projection_checkpoint")
        )
    }

    /// The overview as a JSON object.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "models": .integer(models),
            "configs": .array(configs.map(\.json)),
            "recent": .array(recent.map(\.json)),
            "waiting_approvals": .array(waitingApprovals.map(\.json)),
            "temporary_changes": .array(temporaryChanges.map(\.json)),
            "changes_to_review": .integer(changesToReview),
            "open_tasks": .integer(openTasks),
            "parked": .array(parked.map(\.json)),
        ]
        members["active"] = active?.json
        members["checkpoint"] = checkpoint.map { .integer($0) }
        return .object(members)
    }
}
