internal import CanonicalJSON
internal import LegacyArtefacts
internal import PlantTables
internal import RoutingModel

/// Answers what is asked of one version: the same model and the same settings from the first byte to the last.
struct Answering: Sendable {
    let served: ServedModel
    let settings: ServingSettings

    /// What the log of requests is told beside an answer.
    struct Notes {
        var cacheHit: Bool?
        var efSearch: Int
        var belowGate: Bool?
    }

    /// Whether an answer takes longer than the loop of a connection may be without its other connections.
    func isLong(_ asked: Asked) -> Bool {
        asked.parts.count > 1
            || max(asked.efSearch ?? settings.efSearch, asked.neighbours ?? settings.neighbours) > 2_048
    }

    /// The parts nearest to each that is asked for.
    ///
    /// Gives way to other requests after each part.
    func similar(_ asked: Asked) async throws -> (text: [UInt8], notes: Notes) {
        let count = min(asked.neighbours ?? settings.neighbours, served.items.count)
        let ef = asked.efSearch ?? settings.efSearch
        var notes = Notes(efSearch: ef)
        var text = AnswerText(capacity: 128 + asked.parts.count * count * 44)
        begin(&text, ef)
        text.raw(",\"results\":[")
        for (place, part) in asked.parts.enumerated() {
            let (vector, item, isHit) = try self.vector(of: part, place)
            notes.cacheHit = isHit.map { $0 && notes.cacheHit ?? true } ?? notes.cacheHit
            // The part itself is no similar part; it is found first, or among those as near.
            let wanted = item == nil ? count : min(count + 1, served.items.count)
            var found = try served.index.search(vector, k: wanted, ef: max(ef, wanted))
            if let item {
                found.removeAll { $0.label == item }
                if found.count > count { found.removeLast(found.count - count) }
            }
            text.comma(unlessFirst: place)
            text.raw("{\"item\":")
            if let item { text.text(served.items[item]) } else { text.raw("null") }
            text.raw(",\"similar\":")
            text.neighbours(found, served.codes)
            text.raw("}")
            if asked.parts.count > 1 { await Task.yield() }
        }
        text.raw("]}")
        return (text.bytes, notes)
    }

    /// A routing for each part that is asked for.
    ///
    /// Gives way to other requests after each part.
    func proposals(_ asked: Asked) async throws -> (text: [UInt8], notes: Notes) {
        let model = try routings()
        let ef = asked.efSearch ?? settings.efSearch
        var notes = Notes(efSearch: ef)
        var text = AnswerText(capacity: 256 + asked.parts.count * 4_096)
        begin(&text, ef)
        text.raw(",\"gates\":{\"accept\":")
        text.decimal(settings.gates.accept, 2)
        text.raw(",\"review\":")
        text.decimal(settings.gates.review, 2)
        text.raw("},\"proposals\":[")
        for (place, part) in asked.parts.enumerated() {
            let (seen, item, isHit) = try seen(part, place)
            guard case .part(let embedded) = seen else {
                throw AnsweringFault(
                    .part,
                    "part \(place + 1) is a vector, from which no minutes follow",
                    hint: "give its features"
                )
            }
            notes.cacheHit = isHit.map { $0 && notes.cacheHit ?? true } ?? notes.cacheHit
            let proposal = try model.proposal(
                of: embedded,
                ef: ef,
                neighbours: asked.neighbours ?? settings.neighbours,
                gates: settings.gates,
                expansions: asked.expansions ?? settings.expansions,
                except: item
            )
            notes.belowGate = (notes.belowGate ?? false) || proposal.verdict == .none
            text.comma(unlessFirst: place)
            text.proposal(proposal, of: embedded, item: item.map { model.items[$0] }, by: model)
            if asked.parts.count > 1 { await Task.yield() }
        }
        text.raw("]}")
        return (text.bytes, notes)
    }

    /// What the model's parts tell of an operation's minutes.
    func summary(of code: String, group: String?) throws(AnsweringFault) -> (text: [UInt8], isHit: Bool) {
        let model = try routings()
        guard let operation = model.operation(of: code) else {
            throw AnsweringFault(.unknown, "no routing of \(served.order.version) has the operation \(code.prefix(60))")
        }
        if let group, !model.hasGroup(group) {
            throw AnsweringFault(.unknown, "no part of \(served.order.version) is of the group \(group.prefix(60))")
        }
        let key = "\(code)\u{0}\(group ?? "")"
        if let known = served.summaries.value(of: key) { return (known, true) }
        let summary = model.timeSummary(of: operation, group: group)
        var text = AnswerText(capacity: 2_048)
        text.raw("{\"version\":")
        text.text(served.order.version)
        text.raw(",\"operation\":")
        text.text(code)
        text.raw(",\"name\":")
        text.text(model.operations.names[Int(operation)])
        text.raw(",\"group\":")
        text.text(orNull: group)
        text.raw(",\"parts\":")
        text.integer(summary.parts)
        text.raw(",\"setup_minutes\":")
        text.spread(summary.setup)
        text.raw(",\"run_minutes\":")
        text.spread(summary.run)
        text.raw("}")
        served.summaries.keep(text.bytes, for: key)
        return (text.bytes, false)
    }

    private func begin(_ text: inout AnswerText, _ ef: Int) {
        text.raw("{\"version\":")
        text.text(served.order.version)
        text.raw(",\"ef_search\":")
        text.integer(ef)
    }

    // MARK: - Parts

    private func routings() throws(AnsweringFault) -> TrainedModel {
        guard case .routings(let model) = served.knowledge else {
            throw AnsweringFault(
                .noRoutings,
                "\(served.order.version) was trained by Python and knows which parts are alike, not how they are made"
            )
        }
        return model
    }

    private func vector(of part: AskedPart, _ place: Int) throws -> (vector: [Float], item: Int?, isHit: Bool?) {
        let (seen, item, isHit) = try seen(part, place)
        let dimension = served.index.parameters.dimension
        guard seen.vector.count == dimension else {
            throw AnsweringFault(
                .part,
                "part \(place + 1) is a vector of \(seen.vector.count) numbers, \(served.order.version) has \(dimension)"
            )
        }
        return (seen.vector, item, isHit)
    }

    private func seen(_ part: AskedPart, _ place: Int) throws -> (SeenPart, item: Int?, isHit: Bool?) {
        switch part {
        case .vector(let numbers): return (.vector(numbers), nil, nil)
        case .item(let code):
            guard let item = served.place(of: code) else {
                throw AnsweringFault(
                    .unknown,
                    "part \(place + 1): \(served.order.version) knows no part \"\(code.prefix(60))\""
                )
            }
            switch served.knowledge {
            case .routings(let model): return (.part(model.embedded(at: item)), item, nil)
            case .neighbours(let model): return (.vector(model.index.vectors(ofLabels: [item])[0]), item, nil)
            }
        case .features(let text, let offset):
            if let known = served.embeddings.value(of: text) { return (known, nil, true) }
            let document: JSONValue
            do throws(JSONError) { document = try JSONReader.plain(text) } catch {
                let at = offset + (error.offset ?? 0)
                throw AskedFault(
                    isSyntax: true,
                    "has features of part \(place + 1) that cannot be read: \(error.message)",
                    offset: at
                )
            }
            let made = try seen(try attributes(of: document, place), place)
            if text.count <= Self.longestKept { served.embeddings.keep(made, for: text) }
            return (made, nil, false)
        }
    }

    /// Bytes of features that are remembered, at most: a cache is bounded by entries, and each of them by this.
    private static let longestKept = 4_096

    /// Features under the model's own names, where they were given under those of the ERP's columns.
    private func attributes(of document: JSONValue, _ place: Int) throws(AnsweringFault) -> JSONValue {
        guard !settings.attributes.isEmpty, let members = document.members else { return document }
        var named: [String: JSONValue] = [:]
        for (name, value) in members {
            // An attribute's own name means itself, whatever the configuration calls another one.
            let attribute = served.hasAttribute(name) ? name : settings.attributes[name] ?? name
            guard named.updateValue(value, forKey: attribute) == nil else {
                throw AnsweringFault(
                    .part,
                    "part \(place + 1) has \(attribute.prefix(60)) twice, once under the column that mapping_overrides names for it",
                    hint: "give one of the two"
                )
            }
        }
        return .object(named)
    }

    private func seen(_ document: JSONValue, _ place: Int) throws -> SeenPart {
        do {
            switch served.knowledge {
            case .routings(let model):
                return .part(model.embedded(try AskedParts.table([document], for: model.encoder))[0])
            case .neighbours(let model): return .vector(try model.vectors(of: [document]))
            }
        } catch let fault as RoutingModelFault {
            throw AnsweringFault(.part, Self.placed(fault.message, place), hint: fault.hint)
        } catch let fault as LegacyFault {
            throw AnsweringFault(.part, "part \(place + 1): \(fault.message)", hint: fault.hint)
        }
    }

    /// The faults of a part count from the first of a list; here each part is a list of its own.
    private static func placed(_ message: String, _ place: Int) -> String {
        for first in ["part 1 ", "part 0 "] where message.hasPrefix(first) {
            return "part \(place + 1) \(message.dropFirst(first.count))"
        }
        return message
    }
}

/// Why something asked for has no answer.
struct AnsweringFault: Error, Equatable {
    enum Code {
        /// A part, operation or group that the version does not have.
        case unknown
        /// A part that cannot be asked about.
        case part
        /// The version proposes no routings.
        case noRoutings
    }

    let code: Code
    let message: String
    let hint: String?

    init(_ code: Code, _ message: String, hint: String? = nil) {
        (self.code, self.message, self.hint) = (code, message, hint)
    }
}
