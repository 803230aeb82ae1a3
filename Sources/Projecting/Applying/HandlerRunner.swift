internal import EventStore
internal import GRDBSQLite

/// A handler could not take an event.
struct HandlerFailure: Error {
    /// The place of the projection among those of the runner.
    let projection: Int
    let position: Position
    let type: String
    /// What SQLite or the binder said, with file and line where a statement was at fault.
    let message: String

    /// How the message of an event begins whose type or version only a later program knows.
    static let unknownPrefix = "this program does not know "
}

/// Runs the handlers of projections on one connection, with statements prepared once and their parameters planned.
///
/// Belongs to one thread; it must be gone before its connection is closed.
final class HandlerRunner {
    private struct Binding {
        let index: Int32
        let source: BindSource
    }

    private struct Prepared {
        let statement: OpaquePointer
        let bindings: [Binding]
        let place: String
    }

    /// What a projection does with an event type.
    private final class Plan {
        let statements: [Prepared]
        init(_ statements: [Prepared]) { self.statements = statements }
        deinit { for prepared in statements { sqlite3_finalize(prepared.statement) } }
    }

    let projections: [Projection]
    private let handle: SQLiteHandle
    private let event: BoundEvent
    /// By type number, then projection; nil where the projection passes over the type.
    private var plans: [Plan?] = []
    /// The events that an operator let a projection pass over, by the place of the projection.
    var skipped: [Set<Position>]

    init(_ projections: [Projection], on handle: SQLiteHandle, event: BoundEvent) {
        self.projections = projections
        self.handle = handle
        self.event = event
        skipped = Array(repeating: [], count: projections.count)
    }

    /// Runs what a projection has for the lent event.
    ///
    /// Throws ``HandlerFailure`` when the event is at fault, ``SQLiteFailure`` when the database is; the caller rolls back.
    func run(_ projection: Int) throws {
        let place = event.typeNumber * projections.count + projection
        if place >= plans.count { try makePlans() }
        guard let plan = plans[place] else { return }
        if !skipped[projection].isEmpty, skipped[projection].contains(event.position) { return }
        guard event.isKnown else {
            throw failure(
                projection,
                "\(HandlerFailure.unknownPrefix)the type or schema version of \(event.rules.name)"
            )
        }
        for prepared in plan.statements { try run(prepared, projection) }
    }

    private func run(_ prepared: Prepared, _ projection: Int) throws {
        do throws(ScanError) {
            for binding in prepared.bindings {
                let code = try event.bind(binding.source, to: prepared.statement, at: binding.index)
                if code != SQLITE_OK { throw ScanError(description: handle.failure(code).description) }
            }
        } catch {
            throw failure(projection, error.description)
        }
        let code = sqlite3_step(prepared.statement)
        guard code != SQLITE_DONE else {
            sqlite3_reset(prepared.statement)
            return
        }
        let answer = handle.failure(code)
        sqlite3_reset(prepared.statement)
        guard answer.concernsTheEvent else { throw answer }
        throw failure(projection, "\(prepared.place): \(answer.description)")
    }

    private func failure(_ projection: Int, _ message: String) -> HandlerFailure {
        HandlerFailure(projection: projection, position: event.position, type: event.rules.name, message: message)
    }

    /// Plans every type met so far that has no plans yet.
    private func makePlans() throws(SQLiteFailure) {
        for rules in event.types.rules[(plans.count / max(1, projections.count))...] {
            var row: [Plan?] = []
            for projection in projections { row.append(try makePlan(projection, rules)) }
            plans += row
        }
    }

    private func makePlan(_ projection: Projection, _ rules: TypeRules) throws(SQLiteFailure) -> Plan? {
        guard let handler = projection.handlers[rules.name] ?? projection.every else { return nil }
        var statements: [Prepared] = []
        do throws(SQLiteFailure) {
            for statement in handler.statements {
                let bindings = statement.parameters.enumerated().map { index, name in
                    guard let source = rules.source(of: name) else {
                        preconditionFailure("the checks admit known parameters only, not :\(name)")
                    }
                    return Binding(index: Int32(index + 1), source: source)
                }
                let place = "\(handler.file):\(statement.line)"
                let prepared = try handle.prepare(statement.sql)
                statements.append(Prepared(statement: prepared, bindings: bindings, place: place))
            }
        } catch {
            for prepared in statements { sqlite3_finalize(prepared.statement) }
            throw error
        }
        return Plan(statements)
    }
}
