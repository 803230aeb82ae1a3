/// What the location of a plant's database may say: it stands in the log, which takes nothing back.
package enum DatabaseLocation {
    /// Refuses a location that names a password, or has a place where one could stand.
    ///
    /// Nothing of the location is repeated. Throws ``Rejection`` with `config.secret`.
    package static func check(_ location: String) throws(Rejection) {
        let folded = location.lowercased().filter { !$0.isWhitespace }
        guard !["pwd=", "password=", "passwd="].contains(where: { folded.contains($0) }) else {
            throw refusal("names a password")
        }
        let scheme = location.firstRange(of: "://")
        guard scheme != nil || folded.hasPrefix("postgres") && folded.contains("@") else { return }
        var rest = scheme.map { location[$0.upperBound...] } ?? location[...]
        guard !rest.contains(where: { "?#".contains($0) }) else {
            throw refusal("holds `?` or `#`, and takes no options")
        }
        if let at = rest.lastIndex(of: "@") {
            let user = rest[..<at].lowercased()
            guard !user.contains(where: { ":/".contains($0) }), !user.contains("%3a") else {
                throw refusal("names a password")
            }
            rest = rest[rest.index(after: at)...]
        }
        guard let port = rest.prefix(while: { $0 != "/" }).firstRange(of: ":") else { return }
        let digits = rest[port.upperBound...].prefix { $0 != "/" }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw refusal("has a port that is no number")
        }
    }

    private static func refusal(_ what: String) -> Rejection {
        Rejection(
            "config.secret",
            .invalid,
            "the location of the source \(what)",
            hint: "every user of the machine could read it, and the log keeps it: put a password into "
                + "DAYBOOK_SOURCE_PASSWORD or ~/.pgpass, and name postgresql://user@host:port/database",
            field: "source.location"
        )
    }
}
