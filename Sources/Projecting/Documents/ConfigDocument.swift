internal import CanonicalJSON
internal import GRDB
internal import ReadModels
internal import RoutingDomain
internal import Yams

/// `config/runtime_config.json` and `config/trainer_config.yaml`: the settings in force, nested, decimals as numbers.
///
/// A setting that today's program retired is never among them; one that was never set has its default.
struct ConfigDocument {
    let config: ConfigName
    private let settings: [(name: String, value: JSONValue)]
    private let position: Int
    private let changedAt: String
    private let settingsVersion: Int

    init(_ db: Database, _ config: ConfigName) throws {
        self.config = config
        let row = try Row.fetchOne(db, sql: "SELECT * FROM \(config.rawValue)_config_document")
        position = row?["position"] ?? 0
        changedAt = row?["changed_at"] ?? ""
        settingsVersion = row?["settings_version"] ?? 0
        let stored = try (row?["settings"] as String?).map { try JSONReader.plain($0) }?.members ?? [:]
        settings = SettingsSchema.of(config).settings.map { setting in
            (setting.name, setting.rendered(stored[setting.name] ?? setting.initial))
        }
    }

    /// The position that the bytes of a rendered document bear; nil if they bear none.
    static func position(in bytes: [UInt8]) -> Int? {
        let text = String(decoding: bytes.prefix(1 << 16), as: UTF8.self)
        return text.firstMatch(of: /("position": |# Last change: position )([0-9]{1,15})\b/).flatMap {
            Int($0.output.2)
        }
    }

    func text() throws -> String {
        switch config {
        case .runtime: json()
        case .trainer: try yaml()
        }
    }

    private func json() -> String {
        var document = JSONValue.nested(settings.map { ($0.name, $0.value) })
        document["_daybook"] = [
            "position": .integer(position),
            "changed_at": .string(changedAt),
            "settings_version": .integer(settingsVersion),
            "note": "rendered from the log and never read back; change it with `daybook config patch runtime`",
        ]
        return JSONValue.object(document).prettyText + "\n"
    }

    private func yaml() throws -> String {
        let header = """
            # Rendered by Daybook from its log and never read back; change it with `daybook config patch trainer`.
            # Last change: position \(position), \(changedAt). Schema of the settings: \(settingsVersion).

            """
        var root = Node.Mapping([])
        for (name, value) in settings { Self.put(Self.node(value), at: name.split(separator: ".")[...], in: &root) }
        return header + (try Yams.serialize(node: .mapping(root), width: -1, allowUnicode: true))
    }

    /// Keys keep the order in which the schema names them.
    private static func put(_ node: Node, at path: ArraySlice<Substring>, in mapping: inout Node.Mapping) {
        guard let first = path.first else { return }
        let key = Node.scalar(Node.Scalar(String(first)))
        guard path.count > 1 else {
            mapping[key] = node
            return
        }
        var inner = mapping[key]?.mapping ?? Node.Mapping([])
        put(node, at: path.dropFirst(), in: &inner)
        mapping[key] = .mapping(inner)
    }

    /// Texts are always in double quotes: none of them can turn into a number, a date or a truth.
    private static func node(_ value: JSONValue) -> Node {
        switch value {
        case .null: .scalar(Node.Scalar("null", Tag(.null), .plain))
        case .bool(let truth): .scalar(Node.Scalar(truth ? "true" : "false", Tag(.bool), .plain))
        case .integer(let number): .scalar(Node.Scalar(String(number), Tag(.int), .plain))
        case .decimal(let literal): .scalar(Node.Scalar(literal, Tag(.float), .plain))
        case .string(let text): .scalar(Node.Scalar(text, Tag(.str), .doubleQuoted))
        case .array(let elements): .sequence(Node.Sequence(elements.map(node)))
        case .object(let members):
            .mapping(
                Node.Mapping(
                    members.sorted { $0.key < $1.key }
                        .map { (.scalar(Node.Scalar($0.key, Tag(.str), .doubleQuoted)), node($0.value)) }
                )
            )
        }
    }
}

extension JSONValue {
    /// Dotted names as nested objects: `a.b` is the member b of a.
    static func nested(_ values: [(name: String, value: JSONValue)]) -> [String: JSONValue] {
        func put(_ value: JSONValue, at path: ArraySlice<Substring>, in members: inout [String: JSONValue]) {
            guard let first = path.first else { return }
            guard path.count > 1 else {
                members[String(first)] = value
                return
            }
            var inner = members[String(first)]?.members ?? [:]
            put(value, at: path.dropFirst(), in: &inner)
            members[String(first)] = .object(inner)
        }
        var members: [String: JSONValue] = [:]
        for (name, value) in values { put(value, at: name.split(separator: ".")[...], in: &members) }
        return members
    }
}
