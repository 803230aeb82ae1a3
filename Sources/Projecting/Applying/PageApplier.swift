internal import EventStore
internal import GRDBSQLite

/// Applies events to several projections on one connection, one transaction a page.
///
/// A projection whose handler fails stops in front of the failing event's command; the others go on. Belongs to one thread.
final class PageApplier {
    let runner: HandlerRunner
    private let event: BoundEvent
    private let handle: SQLiteHandle
    /// How far each projection of the runner has come.
    var checkpoints: [Checkpoint]
    /// Whether checkpoints are rows of the same database.
    private let savesCheckpoints: Bool
    /// The statement that saves a checkpoint, once there was one to save.
    private var upsert: OpaquePointer?

    init(
        _ projections: [Projection],
        on handle: SQLiteHandle,
        clock: PlantClock,
        checkpoints: [Checkpoint],
        savesCheckpoints: Bool
    ) {
        event = BoundEvent(clock: clock)
        runner = HandlerRunner(projections, on: handle, event: event)
        self.handle = handle
        self.checkpoints = checkpoints
        self.savesCheckpoints = savesCheckpoints
    }

    deinit { sqlite3_finalize(upsert) }

    /// The places of the projections that are not parked.
    var running: [Int] { checkpoints.indices.filter { checkpoints[$0].parked == nil } }

    /// The lowest checkpoint of a running projection, or nil when all are parked.
    var lowest: Position? { running.map { checkpoints[$0].next }.min() }

    /// Applies events that end at the checkpoint `next`: rows and checkpoints together, or neither.
    ///
    /// Each projection takes only what lies at or after its own checkpoint. After a handler's failure the page is rolled
    /// back and run again with that projection stopped earlier. Throws ``SQLiteFailure`` when the database is at fault.
    func apply(_ events: ArraySlice<RecordedEvent>, next: Position) throws {
        var stops: [Int: (start: Position, parked: Checkpoint.Parked)] = [:]
        while true {
            do {
                try handle.transaction { try run(events, next, stops.mapValues(\.start)) { stops[$0]?.parked } }
                for place in running {
                    checkpoints[place] = after(place, next, stops[place]?.start, stops[place]?.parked)
                }
                return
            } catch let failure as HandlerFailure {
                let start = Self.commandStart(of: failure.position, in: events)
                let parked = Checkpoint.Parked(position: failure.position, type: failure.type, error: failure.message)
                stops[failure.projection] = (max(start, checkpoints[failure.projection].next), parked)
            }
        }
    }

    /// The position of the first event of the command that an event belongs to.
    static func commandStart(of position: Position, in events: ArraySlice<RecordedEvent>) -> Position {
        guard let place = events.firstIndex(where: { $0.position == position }) else { return position }
        let command = events[place].commandID
        return events[...place].reversed().prefix { $0.commandID == command }.last?.position ?? position
    }

    private func run(
        _ events: ArraySlice<RecordedEvent>,
        _ next: Position,
        _ stops: [Int: Position],
        parked: (Int) -> Checkpoint.Parked?
    ) throws {
        let lanes = running.map { (place: $0, from: checkpoints[$0].next, until: stops[$0] ?? next) }
        for recorded in events {
            try event.with(recorded) {
                for lane in lanes where lane.from <= event.position && event.position < lane.until {
                    try runner.run(lane.place)
                }
            }
        }
        guard savesCheckpoints else { return }
        for lane in lanes {
            let checkpoint = after(lane.place, next, stops[lane.place], parked(lane.place))
            if checkpoint != checkpoints[lane.place] {
                let statement = try upsert ?? handle.prepare(Checkpoint.upsert)
                upsert = statement
                try handle.run(statement, checkpoint.values(of: runner.projections[lane.place].name))
            }
        }
    }

    private func after(_ place: Int, _ next: Position, _ stop: Position?, _ parked: Checkpoint.Parked?) -> Checkpoint {
        var checkpoint = checkpoints[place]
        checkpoint.next = max(checkpoint.next, stop ?? next)
        checkpoint.parked = parked
        return checkpoint
    }
}
