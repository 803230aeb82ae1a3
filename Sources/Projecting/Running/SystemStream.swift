internal import CanonicalJSON
internal import EventStore
internal import RoutingDomain

/// What the stream `system` says about projections and time zones, folded as far as it has been read.
struct SystemStream {
    static let name = StreamName(literal: "system")

    /// An event that a projection could not take or passes over, under one definition.
    struct Mark: Hashable {
        let name: String
        let digest: String
        let position: Position
    }

    private(set) var version: UInt64 = 0
    /// The last definition of each projection.
    private(set) var definitions: [String: String] = [:]
    private(set) var parked: Set<Mark> = []
    private(set) var skipped: Set<Mark> = []
    private(set) var zones: [(position: Position, zone: String)] = []

    /// Reads what came since the last call.
    mutating func refresh(_ log: any EventLog) throws {
        while true {
            let events = try log.events(in: Self.name, from: version + 1, limit: 512)
            guard !events.isEmpty else { return }
            for event in events {
                try take(event)
                version = event.streamVersion
            }
        }
    }

    private mutating func take(_ event: RecordedEvent) throws {
        let type = event.type
        switch type {
        case ProjectionDefined.about.type, ProjectionEventParked.about.type, ProjectionEventSkipped.about.type,
            SystemTimeZoneSet.about.type:
            break
        default: return
        }
        // A shape that only a later program knows is its own concern: the projections that need it are parked.
        guard let payload = try? JSONReader.canonical(event.data),
            let value = try? EventCatalog.decode(type: type, version: Int(event.schemaVersion), payload: payload)
        else { return }
        switch value {
        case let defined as ProjectionDefined: definitions[defined.name] = defined.digest
        case let event as ProjectionEventParked:
            parked.insert(
                Mark(name: event.name, digest: event.digest, position: Position(clamping: event.parkedPosition))
            )
        case let event as ProjectionEventSkipped:
            skipped.insert(
                Mark(name: event.name, digest: event.digest, position: Position(clamping: event.skippedPosition))
            )
        case let set as SystemTimeZoneSet: zones.append((event.position, set.timeZone))
        default: break
        }
    }

    /// The positions that a projection passes over under its present definition.
    func skips(of projection: Projection) -> Set<Position> {
        Set(skipped.filter { $0.name == projection.name && $0.digest == projection.digest }.map(\.position))
    }

    /// The plant's clock over the whole log.
    func clock(_ log: any EventLog) throws(ProjectingFault) -> PlantClock {
        try PlantClock(zone: log.identity.timeZone, changes: zones)
    }

    /// An event of ours for this stream.
    static func proposed(_ event: some DomainEvent) throws -> ProposedEvent {
        let about = type(of: event).about
        return ProposedEvent(
            stream: name,
            type: about.type,
            schemaVersion: UInt16(about.version),
            data: try JSONValue.object(PayloadCoding.members(of: event)).canonicalBytes(),
            holdsFreeText: !about.freeText.isEmpty
        )
    }
}
