package import CanonicalJSON
package import RoutingDomain

/// What is to be looked at, and against what it is held.
package struct CheckRequest: Sendable, Equatable {
    /// The folder of the files.
    package let path: String
    package let limits: GateLimits
    /// Whether the gates of quality are looked at too; a rollback passes over them.
    package let withQuality: Bool
    /// What the process may take of memory; nil for no limit.
    package let megabytes: Int?

    /// A request for a folder.
    package init(path: String, limits: GateLimits, withQuality: Bool = true, megabytes: Int? = nil) {
        (self.path, self.limits, self.withQuality, self.megabytes) = (path, limits, withQuality, megabytes)
    }

    /// A request as ``json`` tells it; nil for anything else.
    package init?(_ json: JSONValue) {
        guard let path = json["path"]?.text, let withQuality = json["quality"]?.truth, let limits = json["limits"]
        else { return nil }
        self.init(
            path: path,
            limits: GateLimits(json: limits),
            withQuality: withQuality,
            megabytes: json["megabytes"]?.number
        )
    }

    /// The request as a document.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "path": .string(path), "quality": .bool(withQuality), "limits": limits.json,
        ]
        members["megabytes"] = megabytes.map { .integer($0) }
        return .object(members)
    }
}

/// What the checking process says, one line each.
enum CheckMessage: Equatable {
    /// It looks at this gate now: where it dies, this one is to blame.
    case began(ActivationGate)
    case found(GateFinding)
    /// No inference worker of this program can serve the version, and why.
    case unservable(String)
    /// Everything was looked at.
    case done

    init?(line: String) {
        guard let json = try? JSONReader.plain(line) else { return nil }
        if let gate = json["began"]?.text.flatMap({ ActivationGate(rawValue: $0) }) {
            self = .began(gate)
        } else if let finding = json["found"].flatMap({ GateFinding($0) }) {
            self = .found(finding)
        } else if let why = json["unservable"]?.text {
            self = .unservable(why)
        } else if json["done"] == .bool(true) {
            self = .done
        } else {
            return nil
        }
    }

    var line: String {
        let json: JSONValue =
            switch self {
            case .began(let gate): ["began": .string(gate.rawValue)]
            case .found(let finding): ["found": finding.json]
            case .unservable(let why): ["unservable": .string(why)]
            case .done: ["done": true]
            }
        return ((try? json.canonicalText()) ?? "{}") + "\n"
    }
}
