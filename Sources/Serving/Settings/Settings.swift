internal import Configuration
internal import DurableFiles
internal import Glibc
internal import Yams

/// The settings in force: flags before the environment before `config/daybook.yaml` before the defaults.
///
/// Every place is checked as a whole before anything is taken: an unknown key, a wrong type or a value out of its range is refused
/// with its place and the nearest known name.
package struct Settings: Sendable {
    private let known: [String: Setting]
    private let reader: ConfigReader

    /// Reads the settings of all places; `file` may be missing, `flags` are by key.
    package init(
        _ known: [Setting] = Setting.service,
        file: String?,
        environment: [String: String],
        flags: [String: Setting.Value]
    ) throws(SettingsFault) {
        let byKey = Dictionary(uniqueKeysWithValues: known.map { ($0.key, $0) })
        for (key, value) in flags {
            guard let setting = byKey[key] else { throw Self.unknown(key, place: "the flags", known: known.map(\.key)) }
            try setting.check(value, place: "the flags")
        }
        let fromEnvironment = try Self.read(environment, known: known)
        let fromFile = try file.map { path throws(SettingsFault) in try Self.read(path, known: byKey) } ?? [:]
        var standards: [String: Setting.Value] = [:]
        for setting in known { standards[setting.key] = setting.standard }
        self.known = byKey
        reader = ConfigReader(
            providers: [
                Self.provider("flags", flags),
                EnvironmentVariablesProvider(environmentVariables: fromEnvironment).prefixKeys(with: "daybook"),
                Self.provider("file", fromFile), Self.provider("defaults", standards),
            ] as [any ConfigProvider]
        )
    }

    /// The integer of a setting that is listed as one and has a default.
    package func integer(_ key: String) -> Int {
        guard let value = reader.int(forKey: ConfigKey(key)) else {
            preconditionFailure("\(key) is an integer with a default")
        }
        return value
    }

    /// The text of a setting that is listed as one; empty for none.
    package func text(_ key: String) -> String { reader.string(forKey: ConfigKey(key)) ?? "" }

    /// The truth of a setting that is listed as one.
    package func truth(_ key: String) -> Bool { reader.bool(forKey: ConfigKey(key)) ?? false }

    /// The texts of a setting that is listed as a list.
    package func list(_ key: String) -> [String] { reader.stringArray(forKey: ConfigKey(key)) ?? [] }

    /// What requests may cost, by these settings.
    package var limits: Limits {
        var limits = Limits()
        limits.connections = integer("limits.connections")
        limits.connectionsPerAddress = integer("limits.connections-per-address")
        limits.bodyBytes = integer("limits.body-bytes")
        limits.headDeadline = .seconds(integer("limits.head-seconds"))
        limits.bodyDeadline = .seconds(integer("limits.body-seconds"))
        limits.writeStall = .seconds(integer("limits.write-stall-seconds"))
        return limits
    }

    private static func provider(_ name: String, _ values: [String: Setting.Value]) -> InMemoryProvider {
        var contents: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in values {
            let content: ConfigContent =
                switch value {
                case .integer(let number): .int(number)
                case .text(let text): .string(text)
                case .boolean(let truth): .bool(truth)
                case .list(let texts): .stringArray(texts)
                }
            contents[AbsoluteConfigKey(ConfigKey(key))] = ConfigValue(content, isSecret: false)
        }
        return InMemoryProvider(name: name, values: contents)
    }

    /// The variables of our settings; one that starts like ours and is none is refused.
    private static func read(
        _ environment: [String: String],
        known: [Setting]
    ) throws(SettingsFault) -> [String: String] {
        let byVariable = Dictionary(uniqueKeysWithValues: known.map { ($0.variable, $0) })
        let sections = Set(known.compactMap { $0.variable.split(separator: "_").dropFirst().first })
        var ours: [String: String] = [:]
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) {
            guard let setting = byVariable[name] else {
                let words = name.split(separator: "_")
                guard words.first == "DAYBOOK", words.count > 2, sections.contains(words[1]) else { continue }
                throw unknown(name, place: "the environment", known: Array(byVariable.keys))
            }
            try setting.check(setting.value(ofText: text, place: name), place: name)
            ours[name] = text
        }
        return ours
    }

    private static func read(_ path: String, known: [String: Setting]) throws(SettingsFault) -> [String: Setting.Value]
    {
        let text: String
        do { text = String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self) } catch {
            guard error.errorNumber == ENOENT else { throw SettingsFault(error.description, hint: error.hint) }
            return [:]
        }
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw SettingsFault(
                "\(path) is not YAML: \(error)",
                hint: "correct the file; docs/http.md lists the settings"
            )
        }
        var values: [String: Setting.Value] = [:]
        if let node { try flatten(node, prefix: "", path: path, known: known, into: &values) }
        return values
    }

    private static func flatten(
        _ node: Node,
        prefix: String,
        path: String,
        known: [String: Setting],
        into values: inout [String: Setting.Value]
    ) throws(SettingsFault) {
        guard case .mapping(let mapping) = node else {
            if case .scalar(let scalar) = node, scalar.string.isEmpty { return }
            throw SettingsFault(
                "\(path) line \(node.mark?.line ?? 1): \(prefix.isEmpty ? "the file" : prefix) is no section",
                hint: "write `section:` and its settings below it"
            )
        }
        for (name, node) in mapping {
            let key = prefix.isEmpty ? name.string ?? "" : "\(prefix).\(name.string ?? "")"
            let place = "\(path) line \(name.mark?.line ?? 1)"
            guard let setting = known[key] else {
                guard known.keys.contains(where: { $0.hasPrefix("\(key).") }) else {
                    throw unknown(key, place: place, known: Array(known.keys))
                }
                try flatten(node, prefix: key, path: path, known: known, into: &values)
                continue
            }
            guard values[key] == nil else {
                throw SettingsFault("\(place): \(key) stands there twice", hint: "keep one")
            }
            let value = try setting.value(of: node, place: "\(place): \(key)")
            try setting.check(value, place: "\(place): \(key)")
            values[key] = value
        }
    }

    private static func unknown(_ key: String, place: String, known: [String]) -> SettingsFault {
        let nearest = known.min { (distance($0, key), $0) < (distance($1, key), $1) } ?? ""
        return SettingsFault(
            "\(place): there is no setting \(key.prefix(100))",
            hint: "the nearest is \(nearest); docs/http.md lists them all"
        )
    }

    /// Letters to change, put in or leave out to make one word of another; only the first 64 of each count.
    static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.utf8.prefix(64)), Array(other.utf8.prefix(64)))
        var row = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            var previous = row[0]
            row[0] = index + 1
            for (column, against) in other.enumerated() {
                let cost = min(row[column + 1] + 1, row[column] + 1, previous + (letter == against ? 0 : 1))
                previous = row[column + 1]
                row[column + 1] = cost
            }
        }
        return row[other.count]
    }
}

extension Setting {
    fileprivate func value(of node: Node, place: String) throws(SettingsFault) -> Value {
        switch (kind, node) {
        case (.list, .sequence(let nodes)):
            var texts: [String] = []
            for node in nodes {
                guard case .scalar(let scalar) = node else { throw wrong(place) }
                texts.append(scalar.string)
            }
            return .list(texts)
        case (.list, _): throw wrong(place)
        case (_, .scalar(let scalar)): return try value(ofText: scalar.string, place: place)
        default: throw wrong(place)
        }
    }

    fileprivate func value(ofText text: String, place: String) throws(SettingsFault) -> Value {
        switch kind {
        case .text, .secretFile: return .text(text)
        case .list:
            return .list(text.split(separator: ",").map { String($0.trimmingPrefix(" ")) })
        case .integer:
            guard let number = Int(text) else { throw wrong(place) }
            return .integer(number)
        case .boolean:
            guard text == "true" || text == "false" else { throw wrong(place) }
            return .boolean(text == "true")
        }
    }

    fileprivate func check(_ value: Value, place: String) throws(SettingsFault) {
        switch (kind, value) {
        case (.integer(let range), .integer(let number)):
            guard range.contains(number) else {
                throw SettingsFault(
                    "\(place) is \(number)",
                    hint: "it may be \(range.lowerBound) to \(range.upperBound)"
                )
            }
        case (.text, .text), (.secretFile, .text), (.boolean, .boolean), (.list, .list): break
        default: throw wrong(place)
        }
    }

    private func wrong(_ place: String) -> SettingsFault {
        let wanted =
            switch kind {
            case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
            case .text: "a text"
            case .boolean: "true or false"
            case .list: "a list of texts"
            case .secretFile: "the path of a file"
            }
        return SettingsFault("\(place) cannot be taken", hint: "\(key) is \(wanted)")
    }
}
