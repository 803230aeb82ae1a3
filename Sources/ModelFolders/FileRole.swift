/// What a file of a model folder is for.
package enum FileRole: String, Sendable, CaseIterable {
    /// Turns the attributes of a part into a vector.
    case encoder
    /// The nearest-neighbour index over the vectors.
    case index
    /// The weight of each feature.
    case weights
    /// How and with what the model was trained.
    case metadata
    /// The item of each label of the index.
    case ids
    /// Anything else: listed and checked, never needed.
    case other

    /// The roles of which a complete version has exactly one file each, in the order in which messages name them.
    package static let required: [FileRole] = [.encoder, .index, .weights, .metadata]

    /// The role that a file's name tells: `encoder*`, `*hnsw*.bin` or `*index*.bin`, `*weights*.json`,
    /// `training_metadata.json` or `metadata.json`, `item_ids.*`; ``other`` for any other name.
    package static func told(by name: String) -> FileRole {
        let name = name.lowercased()
        if name == "training_metadata.json" || name == "metadata.json" { return .metadata }
        if name.hasPrefix("encoder") { return .encoder }
        if name.hasSuffix(".bin"), name.containsText("hnsw") || name.containsText("index") { return .index }
        if name.hasSuffix(".json"), name.containsText("weights") { return .weights }
        return name.hasPrefix("item_ids.") ? .ids : .other
    }

    /// The role of every file, names told first and overridden then.
    ///
    /// Throws a ``ModelFolderFault`` with code `incomplete` when an override names no file of the folder, or when a
    /// required role is missing or taken by several files: every such role is named, with the option that settles it.
    package static func assign(
        names: [String],
        overrides: [String: FileRole],
        folder: String
    ) throws(ModelFolderFault) -> [String: FileRole] {
        for name in overrides.keys.sorted() where !names.contains(name) {
            throw ModelFolderFault(
                .incomplete,
                path: folder,
                "\(folder) has no file \(name) that could have the role \(overrides[name]?.rawValue ?? "")",
                hint: "--role takes FILE=ROLE with a file of the folder"
            )
        }
        var roles: [String: FileRole] = [:]
        for name in names { roles[name] = overrides[name] ?? told(by: name) }
        var problems: [String] = []
        for role in required {
            let holders = names.filter { roles[$0] == role }.sorted()
            if holders.isEmpty { problems.append("no file has the role \(role.rawValue)") }
            if holders.count > 1 {
                problems.append("\(holders.joined(separator: " and ")) all have the role \(role.rawValue)")
            }
        }
        guard problems.isEmpty else {
            throw ModelFolderFault(
                .incomplete,
                path: folder,
                "\(folder) is not complete: \(problems.joined(separator: "; "))",
                hint: "a version has exactly one encoder, index, weights and metadata file; "
                    + "name them with --role FILE=ROLE (or FILE=other)"
            )
        }
        return roles
    }
}

extension String {
    fileprivate func containsText(_ part: String) -> Bool {
        let part = Array(part.utf8)
        let bytes = Array(utf8)
        guard bytes.count >= part.count else { return false }
        return (0...(bytes.count - part.count)).contains { bytes[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
