internal import CanonicalJSON
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Serving

extension Route {
    /// A route that shows one row; 404 where there is none.
    static func one<Row: ReadModelRow>(
        _ path: String,
        _ summary: String,
        _ home: ControlHome,
        of type: Row.Type,
        access: Access = .requires(.read),
        path pathParameters: [Parameter],
        people: [String] = [],
        takesMoment: Bool = true,
        find: @escaping @Sendable (Database, Call) throws -> Row?
    ) -> Route {
        Route(
            .get,
            path,
            summary,
            access: access,
            path: pathParameters,
            query: [Reading.minimum] + (takesMoment ? [Reading.at] : []),
            answers: [
                AnswerRule(
                    200,
                    "The row.",
                    .object([
                        Schema.Member("item", Shapes.row(Row.self), "What is known of it."),
                        Schema.Member("checkpoint", .position, "Events before this position are in it."),
                        Schema.Member("people", Reading.namesShape, "Names behind pseudonyms."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "busy", "storage"]
        ) { call in
            let reading = Reading(home: home)
            let source = try await reading.source(of: call)
            let checkpoint = source.checkpoint
            guard let row = try await source.read({ try find($0, call) })?.json else {
                throw Problem(ControlProblems.unknown, "Nothing has that name.")
            }
            let named = Set(people.compactMap { row[$0]?.text })
            return .json(["item": row, "checkpoint": .integer(Int(checkpoint)), "people": reading.names(of: named)])
        }
    }

    /// The same route for a call that was changed first, or refused.
    func narrowed(_ change: @escaping @Sendable (Call) throws -> Call) -> Route {
        var route = self
        let inner = handler
        route.handler = { call in try await inner(try change(call)) }
        return route
    }
}
