package import CanonicalJSON

/// Prints the OpenAPI 3.1 document of a table: everything in it comes from the routes, nothing is written twice.
package struct OpenAPI: Sendable {
    private let table: RouteTable
    private let catalogue: ProblemCatalogue
    private let title: String
    private let version: String
    private let cookieName: String

    /// A printer for a table and the problems that its routes name.
    package init(table: RouteTable, catalogue: ProblemCatalogue, title: String, version: String, cookieName: String) {
        self.table = table
        self.catalogue = catalogue
        self.title = title
        self.version = version
        self.cookieName = cookieName
    }

    /// The document; the same routes give the same bytes.
    package var document: JSONValue {
        var paths: [String: [String: JSONValue]] = [:]
        var named: [String: JSONValue] = ["Problem": Schema.problem.definition]
        var refusals: [String: JSONValue] = [:]
        for route in table.routes {
            paths[route.path, default: [:]][route.method.rawValue.lowercased()] = operation(route)
            for refusal in self.refusals(route) { refusals[refusal.name] = refusal.definition }
            for schema in route.schemas { schema.collect(&named) }
        }
        return [
            "openapi": "3.1.0",
            "info": ["title": .string(title), "version": .string(version)],
            "tags": .array(tags.map { ["name": .string($0)] }),
            "paths": .object(paths.mapValues { .object($0) }),
            "components": [
                "responses": .object(refusals),
                "schemas": .object(named),
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer", "bearerFormat": "JWT"],
                    "cookie": ["type": "apiKey", "in": "cookie", "name": .string(cookieName)],
                ],
            ],
            "x-daybook-problems": .array(catalogue.kinds.map(Self.problem)),
        ]
    }

    /// What the routes are about, in order; last the commands by name, which say the same once more for programs.
    private var tags: [String] {
        let all = Set(table.routes.map(Self.tag))
        return all.sorted { ($0 == "commands" ? 1 : 0, $0) < ($1 == "commands" ? 1 : 0, $1) }
    }

    /// The first word of a path after its version.
    private static func tag(_ route: Route) -> String {
        let words = route.path.split(separator: "/").map(String.init)
        return words.first { !["api", "v1"].contains($0) } ?? "service"
    }

    private static func problem(_ kind: ProblemKind) -> JSONValue {
        [
            "type": .string("urn:daybook:\(kind.code)"), "status": .integer(kind.status), "title": .string(kind.title),
            "hint": .string(kind.hint),
        ]
    }

    private func operation(_ route: Route) -> JSONValue {
        var members: [String: JSONValue] = [
            "operationId": .string(Self.identifier(route)), "summary": .string(route.summary),
            "tags": [.string(Self.tag(route))], "responses": responses(route),
        ]
        if !route.details.isEmpty { members["description"] = .string(route.details) }
        let parameters =
            route.pathParameters.map { Self.parameter($0, in: "path") }
            + route.query.map { Self.parameter($0, in: "query") }
            // What the Accept field may say is told by the answers: OpenAPI passes over a parameter of that name.
            + route.headers.filter { $0.name != "accept" }.map { Self.parameter($0, in: "header") }
        if !parameters.isEmpty { members["parameters"] = .array(parameters) }
        switch route.access {
        case .public: members["security"] = []
        case .authenticated: members["security"] = Self.security
        case .requires(let permission):
            members["security"] = Self.security
            members["x-daybook-permission"] = .string(permission.name)
        }
        switch route.body {
        case .none: break
        case .jsonBytes(let schema, let limit):
            members["requestBody"] = [
                "required": true, "content": .object(["application/json": ["schema": schema.reference]]),
            ]
            if let limit { members["x-daybook-body-limit"] = .integer(limit) }
        case .json(let schema, let type, let limit):
            members["requestBody"] = ["required": true, "content": .object([type: ["schema": schema.reference]])]
            if let limit { members["x-daybook-body-limit"] = .integer(limit) }
        case .stream(let type, let limit):
            members["requestBody"] = [
                "required": true, "content": .object([type: ["schema": ["type": "string", "format": "binary"]]]),
            ]
            members["x-daybook-body-limit"] = .integer(limit)
        }
        return .object(members)
    }

    private static let security: JSONValue = [["bearer": []], ["cookie": []]]

    private func responses(_ route: Route) -> JSONValue {
        var byStatus: [String: JSONValue] = [:]
        for (status, answers) in Dictionary(grouping: route.answers, by: \.status) {
            var members: [String: JSONValue] = ["description": .string(answers.map(\.summary).joined(separator: " "))]
            var content: [String: JSONValue] = [:]
            for answer in answers {
                if let schema = answer.schema { content[answer.mediaType] = ["schema": schema.reference] }
            }
            if !content.isEmpty { members["content"] = .object(content) }
            byStatus["\(status)"] = .object(members)
        }
        for refusal in refusals(route) {
            byStatus["\(refusal.status)"] = ["$ref": .string("#/components/responses/\(refusal.name)")]
        }
        return .object(byStatus)
    }

    /// The problems that a route may answer with one status; most routes share them, so each is written once.
    private struct Refusal {
        let status: Int
        let codes: [String]

        var name: String { "\(status)-\(codes.joined(separator: "_"))" }

        var definition: JSONValue {
            [
                "description": .string(codes.joined(separator: ", ")),
                "content": ["application/problem+json": ["schema": Schema.problem.reference]],
            ]
        }
    }

    private func refusals(_ route: Route) -> [Refusal] {
        let kinds = Set(route.problems + route.commonProblems).map { catalogue.kind($0) }
        return Dictionary(grouping: kinds, by: \.status).map { Refusal(status: $0, codes: $1.map(\.code).sorted()) }
    }

    private static func parameter(_ parameter: Parameter, in place: String) -> JSONValue {
        [
            "name": .string(parameter.name), "in": .string(place), "description": .string(parameter.summary),
            "required": .bool(place == "path" || parameter.isRequired), "schema": parameter.schema.reference,
        ]
    }

    /// `get_models_version`: the method and the words of the path.
    private static func identifier(_ route: Route) -> String {
        let words = route.path.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
        return ([route.method.rawValue.lowercased()] + words.map(String.init)).joined(separator: "_")
    }
}

extension Route {
    /// Codes of the problems that the service itself may answer on this route.
    package var commonProblems: [String] {
        var codes = [
            "http.path", "http.host", "http.fields", "http.target", "http.syntax", "http.slow", "parameter", "internal",
        ]
        codes += ["body.too-large", "busy"]
        if access != .public { codes += ["auth.required", "auth.cookie"] }
        if case .requires = access { codes.append("auth.forbidden") }
        if method.isUnsafe || access != .public { codes.append("auth.cross-site") }
        switch body {
        case .none: break
        case .json, .jsonBytes: codes += ["body.json", "body.invalid", "media-type"]
        case .stream: codes.append("media-type")
        }
        return codes
    }

    var schemas: [Schema] {
        var all = answers.compactMap(\.schema) + (pathParameters + query + headers).map(\.schema)
        switch body {
        case .json(let schema, _, _), .jsonBytes(let schema, _): all.append(schema)
        case .none, .stream: break
        }
        return all
    }
}

extension Schema {
    /// The schema where it is used: a reference when it has a name.
    var reference: JSONValue {
        if case .named(let name, _) = self { ["$ref": .string("#/components/schemas/\(name)")] } else { definition }
    }

    /// The schema in full.
    var definition: JSONValue {
        switch self {
        case .named(_, let schema): return schema.definition
        case .string(let least, let most, let pattern, let format):
            var members: [String: JSONValue] = ["type": "string", "maxLength": .integer(most)]
            if least > 0 { members["minLength"] = .integer(least) }
            if let pattern { members["pattern"] = .string("^(?:\(pattern))$") }
            if let format { members["format"] = .string(format) }
            return .object(members)
        case .choice(let words): return ["type": "string", "enum": .array(words.map { .string($0) })]
        case .integer(let range):
            return ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
        case .decimal(let digits):
            let pattern = digits == 0 ? "^-?[0-9]+$" : "^-?[0-9]+(\\.[0-9]{1,\(digits)})?$"
            return ["oneOf": [["type": "number"], ["type": "string", "pattern": .string(pattern), "maxLength": 40]]]
        case .boolean: return ["type": "boolean"]
        case .null: return ["type": "null"]
        case .array(let schema, let most):
            return ["type": "array", "items": schema.reference, "maxItems": .integer(most)]
        case .map(let schema, let most):
            return ["type": "object", "additionalProperties": schema.reference, "maxProperties": .integer(most)]
        case .oneOf(let schemas): return ["anyOf": .array(schemas.map(\.reference))]
        case .any: return true
        case .object(let known): return Self.object(known, isExtensible: false)
        case .extensible(let known): return Self.object(known, isExtensible: true)
        }
    }

    private static func object(_ known: [Member], isExtensible: Bool) -> JSONValue {
        var properties: [String: JSONValue] = [:]
        for member in known {
            guard case .object(var members) = member.schema.reference else {
                properties[member.name] = ["description": .string(member.summary)]
                continue
            }
            members["description"] = .string(member.summary)
            properties[member.name] = .object(members)
        }
        var members: [String: JSONValue] = [
            "type": "object", "properties": .object(properties), "additionalProperties": .bool(isExtensible),
        ]
        let required = known.filter { !$0.isOptional }.map { JSONValue.string($0.name) }
        if !required.isEmpty { members["required"] = .array(required) }
        return .object(members)
    }

    /// Adds every named schema in this one to a list of definitions.
    func collect(_ named: inout [String: JSONValue]) {
        switch self {
        case .named(let name, let schema):
            if let earlier = named.updateValue(definition, forKey: name) {
                precondition(earlier == definition, "the name \(name) stands for one shape")
                return
            }
            schema.collect(&named)
        case .array(let schema, _), .map(let schema, _): schema.collect(&named)
        case .oneOf(let schemas): for schema in schemas { schema.collect(&named) }
        case .object(let known), .extensible(let known): for member in known { member.schema.collect(&named) }
        default: break
        }
    }
}
