package import CanonicalJSON

/// The one list of everything that can happen.
///
/// An event type exists exactly if its struct stands in ``all``. The reference pages, the JSON Schemas, the fields that SQL
/// may bind and the check of every append are printed or read from here.
package enum EventCatalog {
    /// Every event type, in the order of the reference.
    package static let all: [any DomainEvent.Type] = [
        LogCreated.self, LogBootSeen.self, LogClockStepped.self, LogClockAccepted.self,
        LogKeyRotated.self, LogRollbackAccepted.self,
        ProjectionDefined.self, ProjectionEventParked.self, ProjectionEventSkipped.self, ReadModelRepaired.self,
        DocumentEditFound.self, DocumentExported.self,
        PersonAdded.self, SystemTimeZoneSet.self,
        ModelRegistered.self, ModelActivated.self,
        ConfigPatched.self, ConfigKept.self, ConfigRestored.self,
        SnapshotCreated.self,
        BackupCreated.self, BackupDrilled.self, HomeRestored.self, ProgramUpgraded.self,
        ApprovalRequested.self, ApprovalGranted.self, ApprovalRejected.self, ApprovalWithdrawn.self, ApprovalUsed.self,
        ApprovalRuleSet.self, ChangeReviewed.self,
        TaskOpened.self, TaskLogged.self, TaskCorrected.self, TaskClosed.self,
        SprintOpened.self, SprintTaskAdded.self, SprintClosed.self,
        PersonErased.self, RecordRedacted.self, RetentionSet.self, LegalHoldPlaced.self, LegalHoldReleased.self,
        UserSignedUp.self, UserApproved.self, UserRejected.self, UserRoleChanged.self, UserDisabled.self,
        UserEnabled.self, UserPasswordChanged.self, UserCodeIssued.self, UserLockedOut.self,
        SessionStarted.self, SessionEnded.self, SessionRevoked.self,
        ServiceAccountCreated.self, ServiceKeyIssued.self, ServiceKeyRevoked.self, TokenKeyPublished.self,
        JobRequested.self, JobStarted.self, JobCancelled.self, JobFinished.self,
        SelfCheckFinished.self,
        AlertOpened.self, AlertClosed.self, AlertAcknowledged.self,
        InferenceJoined.self, InferenceLeft.self, InferenceLost.self, InferenceLoaded.self, InferenceLoadFailed.self,
        InferenceAccuracyMeasured.self,
        ScheduleRunFinished.self,
        TrainingRequested.self, TrainingStarted.self, TrainingStepCompleted.self, TrainingCompleted.self,
        TrainingFailed.self, TrainingCancelled.self,
        ExtractionFailed.self,
        MappingSaved.self, MappingActivated.self,
        RoutingSaved.self, RoutingWithdrawn.self,
    ]

    /// The schemas of ``all`` by wire name.
    package static let schemas: [String: EventSchema] = Dictionary(
        uniqueKeysWithValues: all.map { ($0.about.type, EventSchema($0)) }
    )

    /// The payload of an event as its struct, at any schema version ever released.
    ///
    /// An older payload is upcast first; the stored bytes stay as they are. Throws ``PayloadError`` for a type or version
    /// that this program does not know, and for a payload that does not fit.
    package static func decode(type: String, version: Int, payload: JSONValue) throws -> any DomainEvent {
        let (schema, members) = try current(type: type, version: version, payload: payload)
        return try schema.decode(members)
    }

    /// The members of a payload brought to today's schema version, not yet checked field by field.
    ///
    /// Throws ``PayloadError`` for an unknown type or version.
    package static func current(
        type: String,
        version: Int,
        payload: JSONValue
    ) throws -> (schema: EventSchema, members: [String: JSONValue]) {
        guard let schema = schemas[type] else {
            throw PayloadError("unknown event type \"\(type)\"; `daybook reference` lists the known ones")
        }
        guard case .object(let members) = payload else {
            throw PayloadError("a payload is a JSON object, not \(payload.kind)")
        }
        guard 1...schema.about.version ~= version else {
            throw PayloadError("\(type) version \(version) is unknown; this program knows 1 to \(schema.about.version)")
        }
        return (schema, try Upcasting.upcast(type: type, from: version, to: schema.about.version, members))
    }
}

/// What lies between the payload shapes of earlier releases and today's: pure functions, one per step.
package enum Upcasting {
    /// One step from a schema version to the next of the same type.
    package struct Step: Sendable {
        package let type: String
        /// The version it reads; it writes the next one.
        package let from: Int
        package let transform: @Sendable ([String: JSONValue]) -> [String: JSONValue]
    }

    /// Every step ever needed; `(type, from)` occurs once.
    ///
    /// A step is never changed after its release.
    package static let steps: [Step] = [
        // model.activated 1 told a rollback by a flag; 2 names the kind, because a restoration is neither.
        Step(type: ModelActivated.about.type, from: 1) { old in
            var new = old
            let wasRollback = new.removeValue(forKey: "rollback")?.truth ?? false
            new["kind"] = .string(wasRollback ? ActivationKind.rollback.rawValue : ActivationKind.activation.rawValue)
            return new
        },
        // document.exported 1 did not say whose names it holds; an export of events holds none by its form.
        Step(type: DocumentExported.about.type, from: 1) { old in
            var new = old
            let names: ExportedNames = old["kind"] == "events" ? .none : .unknown
            new["names"] = .string(names.rawValue)
            return new
        },
        // Before there were rules of approval, nothing waited for one, and no going back was an emergency.
        Step(type: ModelActivated.about.type, from: 2, transform: notUrgent),
        // Before workers and gates were known, every version was for whoever served, and no gate was overridden.
        Step(type: ModelActivated.about.type, from: 3) { old in
            old.merging(["is_external": false]) { stored, _ in stored }
        },
        Step(type: ConfigPatched.about.type, from: 1, transform: notUrgent),
        Step(type: ConfigRestored.about.type, from: 1, transform: notUrgent),
        // approval.requested 1 was never for an action: what 2 adds is absent.
        Step(type: ApprovalRequested.about.type, from: 1) { $0 },
        // No run of training.started 1 went on from another, and no step of training.step_completed 1 was another run's.
        Step(type: TrainingStarted.about.type, from: 1) { $0 },
        Step(type: TrainingStepCompleted.about.type, from: 1) { $0 },
        // inference.loaded 1 did not tell what the loader remarked.
        Step(type: InferenceLoaded.about.type, from: 1) { $0 },
        // model.registered 1 did not look at who can answer with the version, and nothing was signed.
        Step(type: ModelRegistered.about.type, from: 1) { old in
            old.merging(["servable": .string(Servable.unknown.rawValue)]) { stored, _ in stored }
        },
    ]

    @Sendable
    private static func notUrgent(_ old: [String: JSONValue]) -> [String: JSONValue] {
        old.merging(["is_emergency": false]) { stored, _ in stored }
    }

    static func upcast(
        type: String,
        from version: Int,
        to current: Int,
        _ members: [String: JSONValue]
    ) throws -> [String: JSONValue] {
        var members = members
        for from in version..<max(version, current) {
            guard let step = steps.first(where: { $0.type == type && $0.from == from }) else {
                throw PayloadError("no upcaster from \(type) version \(from)")
            }
            members = step.transform(members)
        }
        return members
    }
}
