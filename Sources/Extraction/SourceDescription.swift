package import CanonicalJSON
internal import RoutingDomain

/// Where a plant's database is and how it is read.
///
/// Its password is in no description, message or event; it reaches the reading process through a pipe and nothing else.
package struct SourceDescription: Sendable, Equatable {
    /// The kinds of sources.
    package enum Kind: String, Sendable, CaseIterable {
        case access
        case sqlite
        case postgresql
        case csv
    }

    package let kind: Kind
    /// The file's absolute path; of CSV a file or a folder of files; of a server its name or address.
    package let location: String
    /// What the connection needs beside that, by the names of ``allowedKeywords(_:)``.
    package let keywords: [String: String]
    /// The driver's library where it is not the one of the system's package.
    package let driverLibrary: String?

    /// A source; refuses what no driver can take or what would change how it is read.
    ///
    /// Throws ``ExtractionFault`` with `badDescription`.
    package init(
        _ kind: Kind,
        at location: String,
        keywords: [String: String] = [:],
        driverLibrary: String? = nil
    ) throws(ExtractionFault) {
        (self.kind, self.location, self.keywords) = (kind, location, keywords)
        self.driverLibrary = driverLibrary
        guard !location.isEmpty else {
            throw ExtractionFault(.badDescription, "a source without a place", hint: "name a file or a server")
        }
        if kind != .csv { try Self.refuseSigns(of: location, "the place of a source", shown: location) }
        let allowed = Self.allowedKeywords(kind)
        for (name, value) in keywords.sorted(by: { $0.key < $1.key }) {
            guard allowed.contains(name) else {
                throw ExtractionFault(
                    .badDescription,
                    "a \(kind.rawValue) source takes no keyword \(name.prefix(40))",
                    hint: allowed.isEmpty ? "it takes none" : "it takes \(allowed.joined(separator: ", "))"
                )
            }
            try Self.refuseSigns(of: value, "the value of \(name)", shown: name == "Pwd" ? nil : value)
        }
        if let driverLibrary {
            try Self.refuseSigns(of: driverLibrary, "the path of the driver", shown: driverLibrary)
            guard driverLibrary.hasPrefix("/") else {
                throw ExtractionFault(.badDescription, "the driver's path is not absolute", hint: "name it from / on")
            }
        }
    }

    /// The keywords that a kind of source takes, in the order of their names; nothing else reaches a driver.
    package static func allowedKeywords(_ kind: Kind) -> [String] {
        switch kind {
        case .access: ["Jet3Charset"]
        case .sqlite: []
        case .postgresql: ["Database", "Port", "Pwd", "SSLmode", "Uid"]
        case .csv: ["Delimiter"]
        }
    }

    /// The signs that end or quote a value in a connection string, and those that end the string itself.
    private static func refuseSigns(of text: String, _ what: String, shown: String?) throws(ExtractionFault) {
        let refused = text.unicodeScalars.first {
            ";{}".unicodeScalars.contains($0) || $0.value < 32 || $0.value == 127
        }
        guard let refused else { return }
        let sign = refused.value < 32 || refused.value == 127 ? "a control character" : "`\(refused)`"
        throw ExtractionFault(
            .badDescription,
            "\(what) holds \(sign)\(shown.map { ": \(String($0.prefix(200)))" } ?? "")",
            hint: "no driver takes it unharmed: rename the file, or change the value"
        )
    }

    /// The name of the driver as its package registers it; nil for CSV, which needs none.
    package var driverName: String? {
        switch kind {
        case .access: "MDBTools"
        case .sqlite: "SQLite3"
        case .postgresql: "PostgreSQL Unicode"
        case .csv: nil
        }
    }

    /// The source for people and events, without a password.
    package var shown: String {
        guard kind == .postgresql else { return location }
        let port = keywords["Port"].map { ":\($0)" } ?? ""
        return "postgresql://\(location)\(port)/\(keywords["Database"] ?? "")"
    }

    /// Whether the source is a file or folder of this machine.
    package var isLocal: Bool { kind != .postgresql }

    /// The source without its password.
    package var json: JSONValue {
        var shown = keywords
        shown["Pwd"] = nil
        return [
            "kind": .string(kind.rawValue), "location": .string(location),
            "keywords": .object(shown.mapValues { .string($0) }),
        ]
    }
}

extension SourceDescription {
    /// What the reading process is told, password and all; never printed.
    var request: JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string(kind.rawValue), "location": .string(location),
            "keywords": .object(keywords.mapValues { .string($0) }),
        ]
        members["library"] = driverLibrary.map { .string($0) }
        return .object(members)
    }

    /// The source that ``request`` wrote.
    init(request: JSONValue) throws(ExtractionFault) {
        guard let kind = request["kind"]?.text.flatMap(Kind.init), let location = request["location"]?.text else {
            throw ExtractionFault(.broken, "a request without a source", hint: "this verb is for the program itself")
        }
        try self.init(
            kind,
            at: location,
            keywords: (request["keywords"]?.members ?? [:]).compactMapValues(\.text),
            driverLibrary: request["library"]?.text
        )
    }

    /// The same source with its bytes at another place: a private copy.
    func moved(to path: String) throws(ExtractionFault) -> SourceDescription {
        try SourceDescription(kind, at: path, keywords: keywords, driverLibrary: driverLibrary)
    }
}

extension SourceDescription {
    /// A source as a person names it: a path, or `postgresql://user@host:port/database`.
    ///
    /// A folder or a `.csv` file is CSV; of other files the first bytes tell the kind. Nothing but those is read.
    /// Throws ``ExtractionFault`` where the words name no source, or name a password.
    package init(words: String, password: String? = nil, driverLibrary: String? = nil) throws(ExtractionFault) {
        do {
            try DatabaseLocation.check(words)
        } catch {
            throw ExtractionFault(.badDescription, error.message, hint: error.hint)
        }
        guard let scheme = words.firstRange(of: "://") else {
            try self.init(SourceHeader.kind(of: words), at: words, driverLibrary: driverLibrary)
            return
        }
        guard ["postgresql", "postgres"].contains(words[..<scheme.lowerBound]) else {
            throw ExtractionFault(
                .badDescription,
                "no source is reached by \(words[..<scheme.lowerBound].prefix(20))",
                hint: "name a file, or postgresql://user@host:port/database"
            )
        }
        var rest = words[scheme.upperBound...]
        var keywords: [String: String] = [:]
        if let at = rest.lastIndex(of: "@") {
            keywords["Uid"] = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let host = parts[0].split(separator: ":", maxSplits: 1)
        if parts.count > 1, !parts[1].isEmpty { keywords["Database"] = String(parts[1]) }
        if host.count > 1 { keywords["Port"] = String(host[1]) }
        keywords["Pwd"] = password
        try self.init(
            .postgresql,
            at: host.first.map(String.init) ?? "localhost",
            keywords: keywords,
            driverLibrary: driverLibrary
        )
    }
}
