package import CanonicalJSON
internal import DurableFiles

/// What a model was made with, as its files record it; nil where they do not say.
package struct MadeWith: Equatable, Sendable {
    /// The shape of the model's documents.
    package var schema: String?
    /// The index's library and its distance: `hnswlib 0.6 l2-fma-8x4`.
    package var kernel: String?
    /// The index's library alone, where the distance is not told: `0.8.0`.
    package var hnswlib: String?
    /// The scikit-learn whose encoder was imported.
    package var scikitLearn: String?

    package init(schema: String? = nil, kernel: String? = nil, hnswlib: String? = nil, scikitLearn: String? = nil) {
        (self.schema, self.kernel, self.hnswlib, self.scikitLearn) = (schema, kernel, hnswlib, scikitLearn)
    }

    /// What `training_metadata.json` tells; nothing where it is not there or no JSON.
    package init(metadata: JSONValue?, schema: String? = nil) {
        self.init(
            schema: schema,
            kernel: metadata?["hnsw"]?["kernel"]?.text,
            hnswlib: metadata?["hnswlib"]?.text,
            scikitLearn: metadata?["scikit_learn"]?.text
        )
    }
}

/// Whether this program loads a model, by what made it.
package enum LoaderVerdict: Equatable, Sendable {
    /// Made with what this program has, or knows.
    case load
    /// It is loaded; something differs a little, and the texts say what.
    case warn([String])
    /// It is not loaded; the text says why.
    case refuse(String)
}

/// The one rule by which loaders branch: the same version loads, a minor drift warns, another major version is refused.
package enum LoaderRule {
    /// A component and the versions of it that this program is made for, each as major and minor number.
    struct Component: Sendable {
        let name: String
        let oldest: Version
        let newest: Version

        /// The documents of this program.
        static let schema = Component(
            name: "model document",
            oldest: Version(ModelDocument.schema, 0),
            newest: Version(ModelDocument.schema, 0)
        )
        /// Index files that are read and checked here.
        static let hnswlib = Component(name: "hnswlib", oldest: Version(0, 6), newest: Version(0, 8))
        /// Encoders that are read here.
        static let scikitLearn = Component(name: "scikit-learn", oldest: Version(0, 20), newest: Version(1, 9))
    }

    /// Major and minor number of a version; what comes behind them makes no difference to a loader.
    struct Version: Comparable, Sendable {
        let major: Int
        let minor: Int

        init(_ major: Int, _ minor: Int) { (self.major, self.minor) = (major, minor) }

        /// The version that a text begins with, `1` meaning `1.0`; nil for another text.
        init?(_ text: some StringProtocol) {
            let numbers = text.split(separator: ".", omittingEmptySubsequences: false).prefix(2).map { Int($0) }
            guard let major = numbers.first ?? nil, major >= 0, numbers.count == 1 || (numbers[1] ?? -1) >= 0 else {
                return nil
            }
            self.init(major, numbers.count == 1 ? 0 : numbers[1] ?? 0)
        }

        static func < (left: Version, right: Version) -> Bool {
            (left.major, left.minor) < (right.major, right.minor)
        }
    }

    /// Judges by everything that is recorded; `kernel` is the one that this program would search with, nil for any.
    package static func verdict(_ made: MadeWith, kernel own: String? = nil) -> LoaderVerdict {
        var verdicts = [
            verdict(.schema, made.schema), verdict(.scikitLearn, made.scikitLearn),
            verdict(.hnswlib, made.kernel == nil ? made.hnswlib : nil),
        ]
        if let kernel = made.kernel { verdicts.append(verdict(kernel: kernel, own: own)) }
        var warnings: [String] = []
        for verdict in verdicts {
            switch verdict {
            case .load: break
            case .warn(let more): warnings += more
            case .refuse: return verdict
            }
        }
        return warnings.isEmpty ? .load : .warn(warnings)
    }

    static func verdict(_ component: Component, _ recorded: String?) -> LoaderVerdict {
        guard let recorded else { return .load }
        guard let version = Version(recorded) else {
            return .warn(["the \(component.name) \(recorded.prefix(40)) that it was made with is no version"])
        }
        if component.oldest <= version, version <= component.newest { return .load }
        let known = [component.oldest, component.newest].map { "\($0.major).\($0.minor)" }
        let range = known[0] == known[1] ? known[0] : "\(known[0]) to \(known[1])"
        let words = "it was made with \(component.name) \(recorded), this program knows \(range)"
        let isNear = component.oldest.major...component.newest.major ~= version.major
        return isNear ? .warn([words]) : .refuse(words)
    }

    /// Two distances of one library differ in the last bit at most.
    private static func verdict(kernel: String, own: String?) -> LoaderVerdict {
        let words = kernel.split(separator: " ")
        guard words.count == 3, words[0] == "hnswlib" else {
            return .warn([
                "the index's kernel \(kernel.prefix(60)) is unknown: neighbours at equal distance may change places"
            ])
        }
        let library = verdict(.hnswlib, String(words[1]))
        guard case .load = library, let own, own != kernel else { return library }
        return .warn([
            "the index was built with \(kernel), and is searched with \(own): distances may differ in the last bit"
        ])
    }
}

extension LoaderRule {
    /// Judges a version's folder by its metadata and documents, without reading the model.
    package static func verdict(onFolder folder: String) -> LoaderVerdict {
        let metadata = metadata(in: folder)
        let schemas = [ModelFiles.model, ModelFiles.encoder].compactMap { name -> String? in
            guard let bytes = try? DurableFile.read("\(folder)/\(name)", limit: 256 << 20),
                let document = try? JSONReader.plain(bytes)
            else { return nil }
            return (document["schema"] ?? document["format"])?.number.map { "\($0)" }
        }
        let space = metadata?["hnsw"]?["space"]?.text.flatMap(IndexParameters.Space.init) ?? .l2
        let kernel = (try? IndexParameters(space, dimension: 1))?.kernel
        var warnings: [String] = []
        for schema in schemas.isEmpty ? [nil] : schemas.map(Optional.some) {
            switch verdict(MadeWith(metadata: metadata, schema: schema), kernel: kernel) {
            case .load: break
            case .warn(let words): warnings += words.filter { !warnings.contains($0) }
            case .refuse(let why): return .refuse(why)
            }
        }
        return warnings.isEmpty ? .load : .warn(warnings)
    }

    /// The warnings of a folder's verdict; throws `unsupported` where it is refused.
    ///
    /// Asked before anything else of the files is read: other shapes need not be readable.
    static func admit(_ folder: String) throws(RoutingModelFault) -> [String] {
        switch verdict(onFolder: folder) {
        case .load: return []
        case .warn(let words): return words
        case .refuse(let why):
            throw RoutingModelFault(
                .unsupported,
                "\(folder) is not loaded: \(why)",
                hint: "use the program that made it, or train again"
            )
        }
    }

    /// `training_metadata.json` of a folder; nil where there is none that is JSON.
    static func metadata(in folder: String) -> JSONValue? {
        guard let bytes = try? DurableFile.read("\(folder)/\(ModelFiles.metadata)", limit: 1 << 20) else { return nil }
        return try? JSONReader.plain(bytes)
    }
}
