import CanonicalJSON
import RoutingDomain

/// A rule of a manifest that spans several fields and does not hold.
struct ManifestProblem: Error {
    let sentence: String
}

extension Manifest {
    /// The manifest that a document means, after ``ManifestSchema`` found its shape sound.
    ///
    /// Throws for what a shape cannot say: a date that does not exist, files out of order or twice, a name that is
    /// reserved, `complete` against the roles.
    init(checked document: JSONValue) throws(ManifestProblem) {
        func text(_ value: JSONValue?) -> String? {
            guard let text = value?.text, text != Self.unknown else { return nil }
            return text
        }
        guard let version = text(document["version"]).flatMap(ModelVersion.init) else {
            throw ManifestProblem(sentence: "version is not a date of the calendar and a build number")
        }
        guard let createdAt = text(document["created_at"]).flatMap({ Timestamp($0)?.microseconds }).map({ Int($0) })
        else {
            throw ManifestProblem(sentence: "created_at is not a moment of the calendar")
        }
        var files: [File] = []
        for (place, file) in (document["files"]?.elements ?? []).enumerated() {
            guard let name = file["name"]?.text, let size = file["size"]?.number, let digest = file["sha256"]?.text,
                let role = file["role"]?.text.flatMap(FileRole.init)
            else { throw ManifestProblem(sentence: "files[\(place)] is not a file") }
            guard SafeName.isAllowed(name), !SafeName.reserved.contains(name) else {
                throw ManifestProblem(sentence: "files[\(place)].name \(name) is not a name that a file may have")
            }
            if let last = files.last, !last.name.utf8.lexicographicallyPrecedes(name.utf8) {
                throw ManifestProblem(sentence: "files[\(place)].name \(name) does not come after \(last.name)")
            }
            files.append(File(name: name, size: size, sha256: digest, role: role))
        }
        var runtime: [String: String] = [:]
        for key in TrainingMetadata.runtimeKeys { runtime[key] = text(document["runtime"]?[key]) }
        self.init(
            version: version,
            sourceName: document["source_name"]?.text,
            createdAt: createdAt,
            createdBy: document["created_by"]?.text ?? "",
            kind: document["kind"]?.text.flatMap(Kind.init) ?? .legacy,
            log: LogPoint(
                origin: document["log"]?["origin"]?.text ?? "",
                size: document["log"]?["size"]?.number ?? 0,
                root: document["log"]?["root"]?.text ?? ""
            ),
            files: files,
            dimension: document["embedding"]?["dimension"]?.number,
            index: Index(
                space: text(document["index"]?["space"]),
                m: document["index"]?["m"]?.number,
                efConstruction: document["index"]?["ef_construction"]?.number,
                seed: document["index"]?["seed"]?.number
            ),
            runtime: runtime,
            datasetDigest: text(document["training"]?["dataset_digest"]),
            changeScopes: document["change_scopes"]?.elements?.compactMap(\.text) ?? []
        )
        guard document["complete"]?.truth == complete else {
            throw ManifestProblem(sentence: "complete is not what the roles of the files say (\(complete))")
        }
        guard self.document == document else {
            throw ManifestProblem(sentence: "change_scopes are not sorted, or named twice")
        }
    }
}

extension Manifest {
    /// 1 to 100 printable ASCII characters.
    static func isPlainText(_ text: String) -> Bool {
        1...100 ~= text.utf8.count && text.utf8.allSatisfy { 0x20..<0x7f ~= $0 }
    }

    /// A SHA-256 in lower-case hexadecimal.
    package static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { byte in
                UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
            }
    }

    /// A change scope: 1 to 40 lower-case letters, digits and underscores, a letter first.
    package static func isScope(_ text: String) -> Bool {
        guard 1...40 ~= text.utf8.count, let first = text.utf8.first,
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= first
        else { return false }
        return text.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: "_")
        }
    }
}
