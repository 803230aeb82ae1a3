internal import CanonicalJSON
internal import EventStore
internal import RoutingDomain
internal import Serving

/// Which events of the log a request asks for: the same for pages and for the stream.
struct EventFilter: Sendable {
    /// The query parameters that make a filter.
    static let parameters = [
        Parameter("type", .string(min: 1, max: 100), "Only this type, or with a star at its end its beginning."),
        Parameter("stream", .string(min: 1, max: 100), "Only this stream."),
        Parameter("category", .string(min: 1, max: 100), "Only streams of this category, for example task."),
        Parameter("last_of_command", .boolean, "Only the last event of each command: after it the command is whole."),
    ]

    private let type: [UInt8]?
    private let isPrefix: Bool
    private let stream: [UInt8]?
    /// The category and the dash behind it.
    private let category: [UInt8]?
    private let lastOfCommand: Bool

    /// The filter of a query; throws the problem of a value that no event can have.
    init(_ query: [String: String]) throws(Problem) {
        isPrefix = query["type"]?.hasSuffix("*") == true
        type = query["type"].map { Array(($0.hasSuffix("*") ? $0.dropLast() : $0[...]).utf8) }
        stream = query["stream"].map { Array($0.utf8) }
        category = query["category"].map { Array($0.utf8) }
        lastOfCommand = query["last_of_command"] == "true"
        try Self.checkType(query["type"])
        for field in ["stream", "category"] {
            guard let name = query[field] else { continue }
            guard StreamName(name) != nil, field == "stream" || !name.contains("-") else {
                throw Self.refused(
                    field,
                    "\(name.prefix(100)) can be no \(field)",
                    limit: "a name of a-z, 0-9, . and _"
                )
            }
        }
    }

    /// A type that this program does not know would be waited for in vain.
    private static func checkType(_ text: String?) throws(Problem) {
        guard let text else { return }
        let isPrefix = text.hasSuffix("*")
        let word = isPrefix ? text.dropLast() : text[...]
        let isKnown = EventCatalog.all.contains {
            isPrefix ? $0.about.type.hasPrefix(word) : $0.about.type == word
        }
        guard !isKnown else { return }
        throw refused("type", "No event has the type \(text.prefix(100))", limit: "a type of docs/reference/events.md")
    }

    private static func refused(_ field: String, _ words: String, limit: String) -> Problem {
        Problem(ControlProblems.invalid, "\(words).", facts: ["field": .string(field), "limit": .string(limit)])
    }

    /// Whether every event passes.
    var isOpen: Bool { type == nil && stream == nil && category == nil && !lastOfCommand }

    /// Whether one event of a page passes; the page ends between two commands.
    func takes(_ index: Int, of events: [RecordedEvent]) -> Bool {
        let event = events[index]
        if let type {
            let own = event.typeBytes
            guard isPrefix ? own.starts(with: type) : own.elementsEqual(type) else { return false }
        }
        if let stream, !event.streamBytes.elementsEqual(stream) { return false }
        if let category {
            let own = event.streamBytes
            guard own.starts(with: category), own.dropFirst(category.count).first ?? Self.dash == Self.dash else {
                return false
            }
        }
        guard lastOfCommand, index + 1 < events.count else { return true }
        return events[index + 1].commandID != event.commandID
    }

    private static let dash = UInt8(ascii: "-")
}
