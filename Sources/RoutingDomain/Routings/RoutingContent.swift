package import CanonicalJSON

/// The operations of a routing and the evidence for them, read strictly and written in one form.
///
/// Minutes are text with three digits after the point, whatever way they came. Unknown members are refused.
package struct RoutingContent: Sendable, Equatable {
    /// Operations of one routing at most.
    package static let mostOperations = 100
    /// Parts of the evidence at most.
    package static let mostSimilar = 100
    /// Bytes of the content as canonical JSON at most.
    package static let mostBytes = 16 << 10
    /// Minutes of one operation at most, in thousandths.
    private static let mostMinutes = 999_999_999

    /// The operations, in order.
    package let operations: JSONValue
    /// What the proposal rested on; nil where nothing was proposed.
    package let evidence: JSONValue?

    /// The content of what was sent; throws the ``Rejection`` of the first thing that is wrong.
    package init(operations: JSONValue, evidence: JSONValue?) throws(Rejection) {
        self.operations = try Self.operations(operations)
        self.evidence = try Self.evidence(evidence ?? .null)
        let bytes = ((try? json.canonicalBytes()) ?? []).count
        guard bytes <= Self.mostBytes else {
            throw Self.wrong(
                "size",
                "the routing has \(bytes) bytes, more than \(Self.mostBytes)",
                hint: "shorten the names, or leave similar parts out of the evidence",
                field: "operations",
                limit: "\(Self.mostBytes) bytes",
                actual: "\(bytes) bytes"
            )
        }
    }

    /// The document that the event holds.
    package var json: JSONValue {
        var members = ["operations": operations]
        members["evidence"] = evidence
        return .object(members)
    }

    /// The value with every number that has a fraction as the text that was typed: the log holds no such number.
    package static func texts(_ value: JSONValue) -> JSONValue {
        switch value {
        case .decimal(let literal): .string(literal)
        case .array(let elements): .array(elements.map(texts))
        case .object(let members): .object(members.mapValues(texts))
        default: value
        }
    }

    // MARK: - Operations

    private static let members: Set = [
        "operation", "name", "sequence", "work_centres", "machine", "setup_minutes", "run_minutes",
    ]

    private static func operations(_ value: JSONValue) throws(Rejection) -> JSONValue {
        let elements = value.elements ?? []
        guard 1...mostOperations ~= elements.count else {
            throw wrong(
                "operations",
                value.elements == nil
                    ? "operations is \(value.kind), not an array"
                    : "the routing has \(elements.count) operations, not 1 to \(mostOperations)",
                hint: "give the operations as an array, in the order of work",
                field: "operations",
                limit: "1 to \(mostOperations)",
                actual: value.elements == nil ? value.kind : "\(elements.count)"
            )
        }
        var (read, last): ([JSONValue], Int) = ([], 0)
        for (place, element) in elements.enumerated() {
            let operation = try operation(element, "operations[\(place)]", after: last)
            last = operation["sequence"]?.number ?? last
            read.append(operation)
        }
        return .array(read)
    }

    private static func operation(_ value: JSONValue, _ field: String, after last: Int) throws(Rejection) -> JSONValue {
        let given = try object(value, field, members: members)
        var result = ["operation": try text(given["operation"] ?? .null, "\(field).operation", 100)]
        for name in ["name", "work_centres", "machine"] {
            guard let value = given[name], value != .null, value != "" else { continue }
            result[name] = try text(value, "\(field).\(name)", 200)
        }
        guard let sequence = given["sequence"]?.number, last < sequence, sequence <= 1_000_000 else {
            throw wrong(
                "sequence",
                "\(field).sequence must be a whole number greater than that of the operation before",
                hint: "number the operations 10, 20, 30 in the order of work",
                field: "\(field).sequence",
                limit: "\(last + 1) to 1000000",
                actual: shown(given["sequence"] ?? .null)
            )
        }
        result["sequence"] = .integer(sequence)
        for name in ["setup_minutes", "run_minutes"] {
            guard let value = given[name], value != .null else { continue }
            result[name] = try minutes(value, "\(field).\(name)")
        }
        return .object(result)
    }

    private static func minutes(_ value: JSONValue, _ field: String) throws(Rejection) -> JSONValue {
        let literal = shown(value)
        guard value.kind == "number" || value.kind == "string", let scaled = FixedDecimal.scaled(literal, digits: 3),
            0...mostMinutes ~= scaled, !literal.hasPrefix("-")
        else {
            throw wrong(
                "minutes",
                "\(field) must be minutes from 0 to 999999.999 with at most three digits after the point, not \(literal)",
                hint: "write 12.5, or leave it out where the time is not known",
                field: field,
                limit: "0 to 999999.999",
                actual: literal
            )
        }
        return .string(FixedDecimal.literal(scaled, digits: 3))
    }

    // MARK: - Evidence

    private static func evidence(_ value: JSONValue) throws(Rejection) -> JSONValue? {
        if value == .null { return nil }
        let names: Set = ["confidence", "verdict", "request_id", "alternative", "similar", "similar_count"]
        let given = try object(value, "evidence", members: names)
        var result: [String: JSONValue] = [:]
        for name in ["verdict", "request_id"] {
            if let value = given[name], value != .null { result[name] = try text(value, "evidence.\(name)", 100) }
        }
        for name in ["alternative", "similar_count"] {
            guard let value = given[name], value != .null else { continue }
            guard let number = value.number, 0...1_000_000 ~= number else {
                throw badNumber(value, "evidence.\(name)", "a whole number", limit: "0 to 1000000")
            }
            result[name] = .integer(number)
        }
        if let value = given["confidence"], value != .null {
            result["confidence"] = try decimal(value, "evidence.confidence", limit: 1)
        }
        if let value = given["similar"], value != .null { result["similar"] = try similar(value) }
        return .object(result)
    }

    private static func similar(_ value: JSONValue) throws(Rejection) -> JSONValue {
        guard let elements = value.elements, elements.count <= mostSimilar else {
            throw wrong(
                "evidence",
                "evidence.similar must be an array of at most \(mostSimilar) parts",
                hint: "keep the nearest, and tell their whole number in similar_count",
                field: "evidence.similar",
                limit: "\(mostSimilar)",
                actual: value.elements.map { "\($0.count)" } ?? value.kind
            )
        }
        var read: [JSONValue] = []
        for (place, element) in elements.enumerated() {
            let field = "evidence.similar[\(place)]"
            let given = try object(element, field, members: ["item", "distance", "weight"])
            var result = ["item": try text(given["item"] ?? .null, "\(field).item", 100)]
            result["distance"] = try decimal(given["distance"] ?? .null, "\(field).distance", limit: 1e12)
            if let weight = given["weight"], weight != .null {
                result["weight"] = try decimal(weight, "\(field).weight", limit: 1)
            }
            read.append(.object(result))
        }
        return .array(read)
    }

    /// A number from 0 to a limit as the text that was typed.
    private static func decimal(_ value: JSONValue, _ field: String, limit: Double) throws(Rejection) -> JSONValue {
        let literal = shown(value)
        guard value.kind == "number" || value.kind == "string", literal.utf8.count <= 40,
            literal.wholeMatch(of: /[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?/) != nil,
            let number = Double(literal), number <= limit
        else { throw badNumber(value, field, "a number", limit: "0 to \(limit == 1 ? "1" : "1e12")") }
        return .string(literal)
    }

    // MARK: - Members

    private static func object(
        _ value: JSONValue,
        _ field: String,
        members: Set<String>
    ) throws(Rejection) -> [String: JSONValue] {
        let known = members.sorted().joined(separator: ", ")
        guard let given = value.members else {
            throw wrong(
                "shape",
                "\(field) is \(value.kind), not an object",
                hint: "its members are \(known)",
                field: field,
                limit: "object",
                actual: value.kind
            )
        }
        if let unknown = given.keys.filter({ !members.contains($0) }).min() {
            throw wrong(
                "member",
                "\(field) has a member \"\(unknown.prefix(60))\", which is not known",
                hint: "its members are \(known)",
                field: "\(field).\(unknown.prefix(60))",
                limit: known,
                actual: String(unknown.prefix(60))
            )
        }
        return given
    }

    private static func text(_ value: JSONValue, _ field: String, _ most: Int) throws(Rejection) -> JSONValue {
        guard let text = value.text else {
            throw wrong(
                "shape",
                "\(field) is \(value == .null ? "missing" : value.kind), not a text",
                hint: "give it as text of 1 to \(most) bytes",
                field: field,
                limit: "1 to \(most) bytes",
                actual: value.kind
            )
        }
        return .string(try FreeText.checked(text, field: field, maximumBytes: most))
    }

    private static func badNumber(_ value: JSONValue, _ field: String, _ what: String, limit: String) -> Rejection {
        wrong(
            "evidence",
            "\(field) must be \(what) from \(limit), not \(shown(value))",
            hint: "leave it out where it is not known",
            field: field,
            limit: limit,
            actual: shown(value)
        )
    }

    private static func shown(_ value: JSONValue) -> String {
        switch value {
        case .string(let text), .decimal(let text): String(text.prefix(60))
        case .integer(let number): "\(number)"
        default: value.kind
        }
    }

    private static func wrong(
        _ rule: String,
        _ message: String,
        hint: String,
        field: String,
        limit: String,
        actual: String
    ) -> Rejection {
        Rejection("routing.\(rule)", .invalid, message, hint: hint, field: field, limit: limit, actual: actual)
    }
}
