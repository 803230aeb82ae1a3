package import CanonicalJSON
internal import DurableFiles
internal import Glibc
package import LegacyArtefacts

/// A model that a Python plant trained, in this program's own files: parts that are alike, without routings and minutes.
///
/// Its encoder is the plant's, number by number; its index is the plant's file.
package struct ImportedModel: Sendable {
    package let encoder: LegacyEncoder
    /// The plant's code of each part, in the order of the index's labels.
    package let items: [String]
    package let index: NeighbourIndex
    /// What differs between what made it and this program, in words for people; empty where nothing does.
    package let warnings: [String]
    private let columns: [LegacyColumn]
    private let places: [String: Int]

    /// Numbers per vector.
    package var dimension: Int { encoder.outputCount }

    /// Whether a folder holds such a model: an encoder of the plant's in this program's form, and no model of its own.
    package static func isImported(_ folder: String) -> Bool {
        LoaderRule.metadata(in: folder)?["imported_from"] != nil && access("\(folder)/\(ModelFiles.model)", F_OK) != 0
    }

    /// Reads a model from a version's folder, and checks that its files fit each other.
    ///
    /// That they are the registered ones is for the caller to have checked. Throws ``RoutingModelFault`` and
    /// ``LegacyArtefacts/LegacyFault``.
    package static func read(_ folder: String) throws -> ImportedModel {
        let warnings = try LoaderRule.admit(folder)
        let path = "\(folder)/\(ModelFiles.encoder)"
        guard let document = try? JSONReader.plain(ModelFiles.read(path)) else {
            throw damaged(path, "is no JSON")
        }
        let encoder = try LegacyEncoder(document: document)
        let items = try ModelFiles.texts(in: folder, ModelFiles.ids)
        guard let metadata = LoaderRule.metadata(in: folder), let numbers = metadata["hnsw"],
            let space = numbers["space"]?.text.flatMap(IndexParameters.Space.init), let m = numbers["M"]?.number,
            let efConstruction = numbers["ef_construction"]?.number
        else { throw damaged("\(folder)/\(ModelFiles.metadata)", "does not tell how the index was built") }
        let parameters = try IndexParameters(
            space,
            dimension: encoder.outputCount,
            m: m,
            efConstruction: efConstruction,
            seed: UInt32(clamping: numbers["random_seed"]?.number ?? 0)
        )
        let index = try NeighbourIndex.load("\(folder)/\(ModelFiles.index)", expecting: parameters)
        guard items.count == index.count else {
            throw damaged(folder, "is not of one model: \(items.count) codes, \(index.count) vectors")
        }
        return ImportedModel(
            encoder: encoder,
            items: items,
            index: index,
            warnings: warnings,
            columns: encoder.columns,
            places: Dictionary(items.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        )
    }

    /// The place of a part by the plant's code; nil for one that the model has not.
    package func place(of item: String) -> Int? { places[item] }

    /// Whether the encoder knows an attribute of that name.
    package func hasAttribute(_ name: String) -> Bool { encoder.inputs.contains(name) }

    /// The vectors of parts by their attributes, row after row: what Python's encoder makes of them.
    ///
    /// Each part is a JSON object; an attribute that is absent, null or an empty text is missing. A truth or a number stands for the
    /// category that Python would have written for it. Throws ``RoutingModelFault`` with `badQuery` for what is no object or has an
    /// attribute that the encoder does not know, and ``LegacyArtefacts/LegacyFault`` for a value that the encoder refuses.
    package func vectors(of parts: [JSONValue]) throws -> [Float] {
        var rows: [[LegacyCell]] = []
        rows.reserveCapacity(parts.count)
        for (row, part) in parts.enumerated() {
            guard let members = part.members else {
                throw RoutingModelFault(
                    .badQuery,
                    "part \(row) is a JSON \(part.kind), not an object",
                    hint: "give each part as {\"attribute\": value}"
                )
            }
            for name in members.keys.sorted() where !encoder.inputs.contains(name) && name != "ITEM_CD" {
                throw RoutingModelFault(
                    .badQuery,
                    "part \(row) has an attribute \(name.prefix(60)), which the model does not know",
                    hint: "it knows \(encoder.inputs.sorted().joined(separator: ", "))"
                )
            }
            rows.append(try zip(encoder.inputs, columns).map { try $1.cell(members[$0] ?? .null, named: $0, row: row) })
        }
        return try encoder.vectors(rows)
    }

    private static func damaged(_ path: String, _ clause: String) -> RoutingModelFault {
        RoutingModelFault(.damaged, "\(path) \(clause)", hint: "restore the version's folder from a backup")
    }
}

extension LegacyColumn {
    /// The value as the plant's program would have read it.
    fileprivate func cell(_ value: JSONValue, named name: String, row: Int) throws(RoutingModelFault) -> LegacyCell {
        switch value {
        case .null, .string(""): return .number(.nan)
        case .string(let text): return known([.text(text)] + (Double(text).map { [.number($0)] } ?? []))
        case .integer(let number): return known([.number(Double(number)), .text("\(number)"), .text("\(number).0")])
        case .decimal(let text):
            guard let number = Double(text) else { break }
            return known([.number(number), .text(text), .text("\(number)")])
        case .bool(let truth):
            let words = truth ? ["1", "-1", "True", "true", "Y", "YES"] : ["0", "False", "false", "N", "NO"]
            return known([.number(truth ? 1 : 0)] + words.map { .text($0) })
        default: break
        }
        throw RoutingModelFault(
            .badQuery,
            "part \(row) has \(name) \((try? value.canonicalText())?.prefix(60) ?? "")",
            hint: "that is no value of \(name)"
        )
    }
}
