internal import CanonicalJSON

/// One object of a profile's JSON, which says what it wants where something else stands.
struct ProfileReader {
    private let members: [String: JSONValue]
    private let place: String

    init(_ json: JSONValue, _ place: String) {
        members = json.members ?? [:]
        self.place = place
    }

    private func fault(_ name: String, _ wanted: String) -> ExtractionFault {
        ExtractionFault(
            .mapping,
            "\(place): `\(name)` \(members[name] == nil ? "is missing" : "is not \(wanted)")",
            hint: "it has to be \(wanted)"
        )
    }

    /// Refuses a member of another name: a slip of the pen would else change nothing, silently.
    func allow(_ names: [String]) throws(ExtractionFault) {
        if let strange = members.keys.sorted().first(where: { !names.contains($0) }) {
            throw ExtractionFault(
                .mapping,
                "\(place) has no member `\(strange.prefix(60))`",
                hint: "its members are \(names.joined(separator: ", "))"
            )
        }
    }

    func text(_ name: String) throws(ExtractionFault) -> String {
        guard let text = members[name]?.text, !text.isEmpty else { throw fault(name, "a text") }
        return text
    }

    func list(_ name: String) throws(ExtractionFault) -> [JSONValue] {
        guard let list = members[name]?.elements, !list.isEmpty else { throw fault(name, "a list of objects") }
        return list
    }

    /// A text, or a list of texts.
    func optionalTexts(_ name: String) throws(ExtractionFault) -> [String]? {
        guard let value = members[name] else { return nil }
        if let text = value.text { return [text] }
        guard let list = value.elements else { throw fault(name, "a text or a list of texts") }
        var texts: [String] = []
        for element in list {
            guard let text = element.text else { throw fault(name, "a text or a list of texts") }
            texts.append(text)
        }
        return texts
    }

    func optionalTruth(_ name: String) throws(ExtractionFault) -> Bool? {
        guard let value = members[name] else { return nil }
        guard let truth = value.truth else { throw fault(name, "true or false") }
        return truth
    }

    func word<Word: RawRepresentable<String> & CaseIterable>(_ name: String) throws(ExtractionFault) -> Word? {
        guard let value = members[name] else { return nil }
        guard let word = value.text.flatMap(Word.init) else {
            throw fault(name, "one of \(Word.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return word
    }

    func range(_ name: String) throws(ExtractionFault) -> ClosedRange<Double>? {
        guard let value = members[name] else { return nil }
        let bounds = (value.elements ?? []).compactMap { $0.number.map(Double.init) ?? $0.text.flatMap(Double.init) }
        guard bounds.count == 2, bounds[0] <= bounds[1] else {
            throw fault(name, "a least and a greatest number")
        }
        return bounds[0]...bounds[1]
    }
}
