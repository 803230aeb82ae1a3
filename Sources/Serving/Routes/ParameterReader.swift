internal import CanonicalJSON
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import NIOCore

/// Checks the parameters of a request by its route's declaration.
struct ParameterReader {
    let route: Route

    func path(_ values: [String]) throws(Problem) -> [String: String] {
        var named: [String: String] = [:]
        for (parameter, value) in zip(route.pathParameters, values) {
            try check(value, parameter, where: "path")
            named[parameter.name] = value
        }
        return named
    }

    func query(_ pairs: [(name: String, value: String)]) throws(Problem) -> [String: String] {
        var named: [String: String] = [:]
        for (name, value) in pairs {
            guard let parameter = route.query.first(where: { $0.name == name }) else {
                throw fault(String(name.prefix(100)), "is not a parameter of this route", where: "query")
            }
            guard named[name] == nil else { throw fault(name, "is there twice", where: "query") }
            try check(value, parameter, where: "query")
            named[name] = value
        }
        try require(route.query, in: named, where: "query")
        return named
    }

    func headers(_ value: (String) -> String?) throws(Problem) -> [String: String] {
        var named: [String: String] = [:]
        for parameter in route.headers {
            guard let value = value(parameter.name) else { continue }
            try check(value, parameter, where: "header")
            named[parameter.name] = value
        }
        try require(route.headers, in: named, where: "header")
        return named
    }

    private func require(_ parameters: [Parameter], in named: [String: String], where place: String) throws(Problem) {
        for parameter in parameters where parameter.isRequired && named[parameter.name] == nil {
            throw fault(parameter.name, "is missing", where: place)
        }
    }

    private func check(_ value: String, _ parameter: Parameter, where place: String) throws(Problem) {
        guard let message = parameter.schema.parameterFault(value) else { return }
        throw fault(parameter.name, message, where: place)
    }

    private func fault(_ name: String, _ message: String, where place: String) -> Problem {
        Problem(
            ProblemCatalogue.parameter,
            "In the \(place), `\(name)` \(message).",
            facts: ["field": .string(name), "place": .string(place)]
        )
    }
}

extension Schema {
    /// What is wrong with the text of a parameter, or nil.
    func parameterFault(_ text: String) -> String? {
        switch self {
        case .named(_, let schema): return schema.parameterFault(text)
        case .integer:
            guard text.utf8.count <= 17, let number = Int(text), "\(number)" == text else { return "is not an integer" }
            return violations(of: .integer(number)).first?.message
        case .boolean: return ["true", "false"].contains(text) ? nil : "is neither true nor false"
        case .oneOf(let schemas):
            let faults = schemas.map { $0.parameterFault(text) }
            return faults.contains(nil) ? nil : faults.first ?? nil
        default: return violations(of: .string(text)).first?.message
        }
    }
}

/// Reads the body of a JSON route, within its limits, and checks it by its schema.
struct BodyReader {
    let route: Route
    let limits: Limits

    func body(_ request: Request) async throws -> (json: JSONValue, bytes: [UInt8]) {
        switch route.body {
        case .none:
            guard try await bytes(request, limit: 0).isEmpty else { throw Problem.tooLarge(limit: 0) }
            return (.null, [])
        case .stream(let type, let limit):
            try checkType(request, type)
            try checkLength(request, limit: limit)
            return (.null, [])
        case .jsonBytes(_, let limit):
            try checkType(request, "application/json")
            return (.null, try await bytes(request, limit: limit ?? limits.bodyBytes))
        case .json(let schema, let type, let limit):
            try checkType(request, type)
            let value = try parse(try await bytes(request, limit: limit ?? limits.bodyBytes))
            let violations = schema.violations(of: value)
            guard let first = violations.first else { return (value, []) }
            throw Problem(
                ProblemCatalogue.body,
                "\(first.pointer.isEmpty ? "The body" : first.pointer) \(first.message).",
                facts: [
                    "violations": .array(
                        violations.map { ["pointer": .string($0.pointer), "message": .string($0.message)] }
                    )
                ]
            )
        }
    }

    private func parse(_ bytes: [UInt8]) throws(Problem) -> JSONValue {
        do { return try JSONReader.plain(bytes) } catch {
            throw Problem(
                ProblemCatalogue.json,
                "The body cannot be read: \(error).",
                facts: error.offset.map { ["offset": .integer($0)] } ?? [:]
            )
        }
    }

    private func checkType(_ request: Request, _ type: String) throws(Problem) {
        let sent = request.headers[.contentType] ?? ""
        if sent == type, request.headers[.contentEncoding] == nil { return }
        let parts = sent.lowercased().split(separator: ";").map { $0.filter { $0 != " " } }
        let isPlain = parts.dropFirst().allSatisfy { $0 == "charset=utf-8" }
        guard parts.first == type, isPlain else {
            throw Problem(ProblemCatalogue.mediaType, "The route takes \(type).", facts: ["expected": .string(type)])
        }
        // Nothing is ever unpacked: what is small on the wire stays small.
        guard request.headers[values: .contentEncoding].allSatisfy({ $0.lowercased() == "identity" }) else {
            throw Problem(
                ProblemCatalogue.mediaType,
                "The body is compressed; the route takes \(type) as it is.",
                facts: ["expected": .string(type)]
            )
        }
    }

    private func checkLength(_ request: Request, limit: Int) throws(Problem) {
        guard let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit else { return }
        throw Problem.tooLarge(limit: limit)
    }

    private func bytes(_ request: Request, limit: Int) async throws -> [UInt8] {
        try checkLength(request, limit: limit)
        var bytes: [UInt8] = []
        for try await part in request.body {
            guard bytes.count + part.readableBytes <= limit else { throw Problem.tooLarge(limit: limit) }
            bytes.append(contentsOf: part.readableBytesView)
        }
        return bytes
    }
}
