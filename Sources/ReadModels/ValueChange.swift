package import CanonicalJSON

/// One value that differs between two states, under a dotted name.
package struct ValueChange: Equatable, Sendable {
    package let field: String
    /// The value before, or on the left; nil where there was none.
    package let old: JSONValue?
    /// The value after, or on the right; nil where there is none.
    package let new: JSONValue?

    package init(field: String, old: JSONValue?, new: JSONValue?) {
        (self.field, self.old, self.new) = (field, old, new)
    }

    /// The change as a JSON object; a side without a value is left out.
    package var json: JSONValue {
        var members: [String: JSONValue] = ["field": .string(field)]
        members["old"] = old
        members["new"] = new
        return .object(members)
    }

    /// The differing leaves of two JSON values, in order of their dotted names; lists count as one value.
    package static func between(_ old: JSONValue, _ new: JSONValue) -> [ValueChange] {
        between(leaves(of: old), leaves(of: new))
    }

    /// The differing values of two tables of named values, in order of their names.
    package static func between(_ old: [String: JSONValue], _ new: [String: JSONValue]) -> [ValueChange] {
        Set(old.keys).union(new.keys).sorted().compactMap { field in
            old[field] == new[field] ? nil : ValueChange(field: field, old: old[field], new: new[field])
        }
    }

    private static func leaves(of value: JSONValue, prefix: String = "") -> [String: JSONValue] {
        guard case .object(let members) = value, !members.isEmpty else { return [prefix: value] }
        var leaves: [String: JSONValue] = [:]
        for (name, member) in members {
            leaves.merge(Self.leaves(of: member, prefix: prefix.isEmpty ? name : "\(prefix).\(name)")) { $1 }
        }
        return leaves
    }
}
