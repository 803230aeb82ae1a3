import CanonicalJSON
import Foundation
import RoutingDomain
import Serving

/// Requests made from a route's own declaration.
struct RouteProbe {
    let route: Route

    /// The path with values that fit its parameters and name nothing that exists.
    var path: String {
        route.path.split(separator: "/").map { segment in
            guard segment.hasPrefix("{") else { return "/\(segment)" }
            let name = segment.dropFirst().dropLast()
            guard let parameter = route.pathParameters.first(where: { $0.name == name }) else { return "/x" }
            return "/\(Self.text(parameter.schema))"
        }
        .joined()
    }

    /// The path with the parameters of the query that must be there.
    var fullPath: String {
        let required = route.query.filter(\.isRequired).map { "\($0.name)=\(Self.text($0.schema))" }
        return required.isEmpty ? path : "\(path)?\(required.joined(separator: "&"))"
    }

    /// A body of the declared shape, and its type; nil for a route without one.
    var body: (bytes: [UInt8], type: String)? {
        switch route.body {
        case .none: nil
        case .json(let schema, let type, _): (Array(Self.value(schema).prettyText.utf8), type)
        case .jsonBytes(let schema, _): (Array(Self.value(schema).prettyText.utf8), "application/json")
        case .stream(let type, _): (Array("x".utf8), type)
        }
    }

    static func text(_ schema: Schema) -> String {
        switch value(schema) {
        case .string(let text): text
        case .integer(let number): "\(number)"
        case .bool(let truth): "\(truth)"
        default: "x"
        }
    }

    /// The plainest value that fits.
    static func value(_ schema: Schema) -> JSONValue {
        switch schema {
        case .string(_, _, _, format: "uuid"): .string("00000000-0000-4000-8000-00000000abcd")
        case .string(_, _, _, format: "date-time"): "2026-01-01T00:00:00.000000Z"
        case .string(let least, _, let pattern, _):
            .string(pattern?.description.contains("[.]") == true ? "1.1" : pad(least))
        case .choice(let words): .string(words.first ?? "")
        case .integer(let range): .integer(range.lowerBound)
        case .decimal: .integer(1)
        case .boolean: false
        case .null: .null
        case .array: .array([])
        case .map: .object([:])
        case .any: .object(["ef_search": 256])
        case .object(let members), .extensible(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.filter { !$0.isOptional || $0.name == "reason" }.map {
                        ($0.name, value($0.schema))
                    }
                )
            )
        case .oneOf(let schemas): schemas.first.map(value) ?? .null
        case .named(_, let schema): value(schema)
        }
    }

    private static func pad(_ count: Int) -> String { String(repeating: "a", count: max(1, count)) }
}
