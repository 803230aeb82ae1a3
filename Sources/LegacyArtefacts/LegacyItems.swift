/// The part numbers of an index's labels, as a Python plant keeps them in `item_ids.joblib`.
package struct LegacyItems: Equatable, Sendable {
    /// The part number of label 0, 1, ….
    package let ids: [String]

    /// Reads a list, a NumPy array, or a dictionary with one of them; throws ``LegacyFault`` that says what stands there instead.
    package init(reading path: String) throws(LegacyFault) {
        do {
            let document = try JoblibFile.read(path)
            ids = try Self.ids(document.value, document.arena)
        } catch {
            throw error.of(path)
        }
    }

    private static func ids(_ value: PickleValue, _ arena: PickleArena) throws(LegacyFault) -> [String] {
        var value = value
        if let members = arena.members(value) {
            let lists = members.filter { arena.elements($0.value) != nil || arena.array($0.value) != nil }
            guard lists.count == 1, let only = lists.first else {
                throw .unsupported("a dictionary of \(lists.count) lists, of which one should hold the part numbers,")
            }
            value = only.value
        }
        guard let cells = arena.elements(value)?.map({ LegacyCell($0) }) ?? arena.array(value)?.cells?.map({ $0 })
        else {
            throw .unsupported("a file without a list of part numbers")
        }
        var ids: [String] = []
        for (place, cell) in cells.enumerated() {
            switch cell {
            case .text(let text)?: ids.append(text)
            case .number(let number)?:
                guard let whole = Int(exactly: number) else { fallthrough }
                ids.append(String(whole))
            default: throw .unsupported("the part number at place \(place), which is neither text nor whole number,")
            }
        }
        guard Set(ids).count == ids.count else { throw .unsupported("a list that has one part number twice") }
        return ids
    }
}
