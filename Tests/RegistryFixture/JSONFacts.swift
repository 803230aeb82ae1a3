import CanonicalJSON

/// What a manifest tells of a version, for fixtures.
package struct JSONFacts: Sendable {
    package var dimension: Int
    package var python: String

    package init(dimension: Int = 64, python: String = "3.11.2") {
        self.dimension = dimension
        self.python = python
    }

    var document: JSONValue {
        ["embedding": ["dimension": .integer(dimension)], "runtime": ["python": .string(python)]]
    }
}
