internal import CanonicalJSON
internal import RoutingDomain
internal import Yams

/// What an edited configuration file says otherwise than the log, as a merge patch that is ready to be sent.
struct ConfigDifference {
    /// The patch; nil if nothing valid differs.
    var patch: JSONValue?
    /// What the patch leaves out, and why.
    var remarks: [String] = []

    /// Compares the bytes of an edited file, setting by setting, with the values in force as they are stored.
    ///
    /// A setting that the edit left out, or left as the document had shown it, stays as it is.
    static func between(
        edited bytes: [UInt8],
        isYAML: Bool,
        values: [String: JSONValue],
        shown: [String: JSONValue]? = nil,
        schema: SettingsSchema
    ) -> ConfigDifference {
        var difference = ConfigDifference()
        let edited: JSONValue
        do {
            edited = isYAML ? try YAMLReader.value(of: bytes) : try JSONReader.plain(bytes)
        } catch {
            difference.remarks.append("the edited file cannot be read: \(error)")
            return difference
        }
        guard case .object(var members) = edited else {
            difference.remarks.append("the edited file holds no settings")
            return difference
        }
        members["_daybook"] = nil
        var changes: [(name: String, value: JSONValue)] = []
        difference.collect(members, prefix: "", (values, shown ?? values), schema, &changes)
        if !changes.isEmpty { difference.patch = .object(JSONValue.nested(changes.sorted { $0.name < $1.name })) }
        difference.remarks.sort()
        return difference
    }

    private mutating func collect(
        _ members: [String: JSONValue],
        prefix: String,
        _ values: (current: [String: JSONValue], shown: [String: JSONValue]),
        _ schema: SettingsSchema,
        _ changes: inout [(name: String, value: JSONValue)]
    ) {
        for (key, value) in members {
            let name = prefix + key
            if let setting = schema.setting(name) {
                do throws(Rejection) {
                    let stored = try setting.stored(value)
                    guard stored != values.current[name], stored != values.shown[name] else { continue }
                    changes.append((name, Self.patchValue(setting, stored, values.current[name])))
                } catch {
                    remarks.append(error.message)
                }
            } else if case .object(let inner) = value,
                schema.settings.contains(where: { $0.name.hasPrefix("\(name).") })
            {
                collect(inner, prefix: "\(name).", values, schema, &changes)
            } else {
                remarks.append("unknown key \(name)")
            }
        }
    }

    /// A mapping merges entry by entry, so an entry that the edit removed becomes null; decimals stay strings.
    private static func patchValue(_ setting: Setting, _ new: JSONValue, _ old: JSONValue?) -> JSONValue {
        guard setting.isMapping, let entries = new.members else { return new }
        let before = old?.members ?? [:]
        var patch = entries.filter { $0.value != before[$0.key] }
        for removed in before.keys where entries[removed] == nil { patch[removed] = .null }
        return .object(patch)
    }
}

/// YAML of a person as a JSON value, of limited size: a few lines of aliases could unfold to gigabytes.
struct YAMLReader {
    /// Why a file is not read.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    private static let limitBytes = 1 << 20
    private static let limitNodes = 20_000
    private var nodes = 0

    static func value(of bytes: [UInt8]) throws -> JSONValue {
        guard bytes.count <= limitBytes, let text = String(validating: bytes, as: UTF8.self) else {
            throw Refusal(description: "longer than \(limitBytes) bytes or not UTF-8")
        }
        guard let node = try Yams.compose(yaml: text) else { return .object([:]) }
        var reader = YAMLReader()
        return try reader.value(of: node, depth: 1)
    }

    private mutating func value(of node: Node, depth: Int) throws -> JSONValue {
        nodes += 1
        guard nodes <= Self.limitNodes else { throw Refusal(description: "more than \(Self.limitNodes) values") }
        guard depth <= 16 else { throw Refusal(description: "nested deeper than 16 levels") }
        switch node {
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for inner in sequence { elements.append(try value(of: inner, depth: depth + 1)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, inner) in mapping {
                guard let name = key.scalar?.string else { throw Refusal(description: "a key is no text") }
                members[name] = try value(of: inner, depth: depth + 1)
            }
            return .object(members)
        case .scalar(let scalar): return Self.value(of: scalar)
        case .alias: throw Refusal(description: "an alias without its anchor")
        }
    }

    private static func value(of scalar: Node.Scalar) -> JSONValue {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        case "null", "~", "": return .null
        default:
            if let number = try? JSONReader.plain(scalar.string) {
                switch number {
                case .integer, .decimal: return number
                default: break
                }
            }
            return .string(scalar.string)
        }
    }
}
