/// A value that a pickle made: small ones by themselves, others by their place in the ``PickleArena``.
///
/// By place, as a pickle may share a list, put it into itself, or nest a million of them: none of that costs here more than
/// the file's bytes, and freeing it does not recurse.
enum PickleValue: Sendable {
    case none
    case truth(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case bytes([UInt8])
    case node(Int)
}

/// A value with parts.
enum PickleNode: Sendable {
    case tuple([PickleValue])
    case list([PickleValue])
    case set([PickleValue])
    case dictionary([(key: PickleValue, value: PickleValue)])
    case slice([PickleValue])
    case name(PickleName)
    case elementType(NumpyType)
    case array(NumpyArray)
    /// An array that still waits for its state.
    case emptyArray
    /// An object of a listed class: its attributes, never itself.
    case record(PickleRecord)
}

/// An object as data: the name of its class, and the attributes that the file gives it.
struct PickleRecord: Sendable {
    let className: String
    var attributes: [String: PickleValue] = [:]
}

/// All values with parts that a file made.
struct PickleArena: Sendable {
    private(set) var nodes: [PickleNode] = []

    mutating func add(_ node: PickleNode) -> PickleValue {
        nodes.append(node)
        return .node(nodes.count - 1)
    }

    subscript(value: PickleValue) -> PickleNode? {
        if case .node(let place) = value { nodes[place] } else { nil }
    }

    mutating func replace(_ place: Int, _ node: PickleNode) { nodes[place] = node }

    /// Changes a node in its place, without copying what it holds.
    mutating func change<Result>(_ place: Int, _ work: (inout PickleNode) -> Result) -> Result { work(&nodes[place]) }

    /// The parts of a tuple or a list.
    func elements(_ value: PickleValue) -> [PickleValue]? {
        switch self[value] {
        case .tuple(let parts), .list(let parts): parts
        default: nil
        }
    }

    /// A dictionary whose keys are all texts; the last of equal keys counts, as in Python.
    func members(_ value: PickleValue) -> [String: PickleValue]? {
        guard case .dictionary(let pairs)? = self[value] else { return nil }
        var members: [String: PickleValue] = [:]
        for (key, value) in pairs {
            guard case .text(let name) = key else { return nil }
            members[name] = value
        }
        return members
    }

    func record(_ value: PickleValue) -> PickleRecord? {
        if case .record(let record)? = self[value] { record } else { nil }
    }

    func array(_ value: PickleValue) -> NumpyArray? {
        if case .array(let array)? = self[value] { array } else { nil }
    }
}
