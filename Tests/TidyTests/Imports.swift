/// What a target may import: the table of the architecture, and what Package.swift makes of it.
enum Imports {
    /// The table: target to the modules of this package and the libraries that it may know.
    ///
    /// Arrows point only downwards.
    static let table: [String: Set<String>] = [
        "CanonicalJSON": [],
        "DurableFiles": ["CPOSIX"],
        "PlantTables": ["DurableFiles", "Crypto"],
        "IndexFiles": [],
        "LegacyArtefacts": ["CZLIB", "CanonicalJSON", "IndexFiles", "DurableFiles"],
        "RoutingModel": [
            "CHNSW", "IndexFiles", "LegacyArtefacts", "PlantTables", "CanonicalJSON", "DurableFiles",
        ],
        "PlantSamples": ["RoutingModel"],
        "ModelGates": [
            "CPOSIX", "CanonicalJSON", "DurableFiles", "LegacyArtefacts", "RoutingDomain", "RoutingModel", "Crypto",
        ],
        "Training": [
            "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "IndexFiles", "LegacyArtefacts",
            "ModelFolders", "ModelIntake", "PlantTables", "RoutingDomain", "RoutingModel", "Crypto",
        ],
        "Extraction": ["CODBC", "CPOSIX", "CanonicalJSON", "DurableFiles", "PlantTables", "RoutingDomain", "Crypto"],
        "Observing": ["CPOSIX", "CanonicalJSON", "DurableFiles", "CoreMetrics"],
        "EventStore": ["CLMDB", "CPOSIX", "CanonicalJSON", "DurableFiles", "Crypto", "Logging"],
        "EventStoreTesting": ["EventStore", "CanonicalJSON", "DurableFiles", "Crypto"],
        "Proofs": ["EventStore", "CanonicalJSON", "DurableFiles", "Crypto"],
        "RoutingDomain": ["CanonicalJSON"],
        "CommandHandling": ["EventStore", "RoutingDomain", "CanonicalJSON", "Crypto"],
        "Projecting": [
            "CSQLiteSetup", "EventStore", "RoutingDomain", "ReadModels", "CanonicalJSON", "DurableFiles", "GRDB",
            "GRDBSQLite", "Yams", "Mustache", "Crypto", "Logging",
        ],
        "ReadModels": ["RoutingDomain", "CanonicalJSON", "GRDB"],
        "Exporting": [
            "EventStore", "Observing", "Proofs", "ReadModels", "RoutingDomain", "CanonicalJSON", "DurableFiles", "GRDB",
            "Crypto",
        ],
        "ModelFolders": [
            "EventStore", "IndexFiles", "Proofs", "RoutingDomain", "CanonicalJSON", "DurableFiles", "Crypto",
        ],
        "ModelIntake": [
            "CommandHandling", "EventStore", "LegacyArtefacts", "ModelFolders", "RoutingDomain", "CanonicalJSON",
            "DurableFiles", "Crypto",
        ],
        // For tests: a made plant as tables.
        "MadeTables": ["PlantTables", "PlantSamples"],
        // For tests: reads what a scrape says.
        "ScrapeReading": [],
        // For tests: fills a registry by the projections' SQL.
        "RegistryFixture": ["RoutingDomain", "CanonicalJSON", "GRDB"],
        "Accounts": [
            "CArgon2", "CanonicalJSON", "DurableFiles", "Observing", "RoutingDomain", "Crypto", "GRDB", "JWTKit",
        ],
        "SignIn": ["Accounts", "CommandHandling", "EventStore", "RoutingDomain", "CanonicalJSON", "DurableFiles"],
        "Serving": [
            "CPOSIX", "CanonicalJSON", "DurableFiles", "SwiftASN1", "Configuration", "Crypto", "HTTPTypes",
            "Hummingbird",
            "HummingbirdCore", "HummingbirdHTTP2", "ServiceLifecycle", "Logging", "NIOCore", "NIOHPACK", "NIOHTTP1",
            "NIOHTTP2", "NIOHTTPTypes", "NIOSSL", "NIOTLS", "X509", "Yams",
        ],
        "ControlAPI": [
            "Accounts", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "Exporting", "Extraction",
            "Metering", "ModelFolders", "ModelIntake", "Observing", "Projecting", "Proofs", "ReadModels",
            "RoutingDomain", "Serving",
            "SignIn", "GRDB", "Logging", "CoreMetrics",
        ],
        "Metering": ["CanonicalJSON", "Observing", "RoutingDomain", "Serving", "CoreMetrics"],
        "Inference": [
            "Accounts", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "LegacyArtefacts", "Metering",
            "ModelFolders", "Observing", "PlantTables", "Proofs", "RoutingDomain", "RoutingModel", "Serving", "Crypto",
            "ServiceLifecycle", "Logging",
        ],
        "Backups": ["CArgon2", "EventStore", "CanonicalJSON", "DurableFiles", "Crypto"],
        "EventStoreTestWriter": ["EventStore", "EventStoreTesting", "CLMDB"],
        "daybook-bench": [
            "ArgumentParser", "Backups", "CPOSIX", "CanonicalJSON", "CommandHandling", "Crypto", "EventStore",
            "Exporting", "Extraction", "GRDB", "Hummingbird", "NIOCore", "Projecting", "Proofs", "ReadModels",
            "RoutingDomain", "RoutingModel",
        ],
        "daybook": [
            "Accounts", "Backups", "CPOSIX", "CanonicalJSON", "CommandHandling", "ControlAPI", "DurableFiles",
            "EventStore", "Exporting", "Extraction", "Inference", "LegacyArtefacts", "Metering", "ModelFolders",
            "ModelGates", "ModelIntake", "Observing", "PlantTables",
            "Projecting", "Proofs", "ReadModels", "RoutingDomain", "RoutingModel", "PlantSamples", "Serving",
            "ServiceLifecycle", "SignIn", "Training", "ArgumentParser", "Crypto", "GRDB", "Logging",
            "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "UnixSignals",
        ],
    ]

    /// Modules of the system and the toolchain; a pure target knows none of them.
    ///
    /// `Testing` has a rule of its own, ``testingInSources(_:)``.
    static let system: Set<String> = [
        "Glibc", "Foundation", "FoundationEssentials", "Synchronization", "Dispatch", "Swift", "_StringProcessing",
        "Testing",
    ]
    static let pure: Set<String> = ["CanonicalJSON", "RoutingDomain"]
    /// C targets have no Swift sources to check.
    static let shims: Set<String> = ["CArgon2", "CHNSW", "CLMDB", "CODBC", "CPOSIX", "CSQLiteSetup", "CZLIB"]

    /// The modules that a file imports, with their lines.
    static func modules(in file: SourceText) -> [(line: Int, module: String)] {
        let pattern =
            /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|let|var|typealias)\s+)?([A-Za-z_]\w*)/
        return file.code.enumerated().compactMap { index, line in
            line.firstMatch(of: pattern).map { (index + 1, String($0.output.1)) }
        }
    }

    /// Imports of a source file that its target's row of a table does not name.
    static func violations(_ file: SourceText, table: [String: Set<String>]) -> [Finding] {
        guard let target = file.target, !file.isTest else { return [] }
        guard let row = table[target] else {
            return [Finding(path: file.path, line: 1, message: "the target \(target) is not in the table")]
        }
        let allowed = pure.contains(target) ? row : row.union(system)
        return modules(in: file).filter { !allowed.contains($0.module) }.map { line, module in
            Finding(path: file.path, line: line, message: "\(target) may not import \(module)")
        }
    }

    /// Tests never stand in for sources: what is published for tests is imported by tests only.
    static func testingInSources(_ file: SourceText) -> [Finding] {
        guard !file.isTest, file.target != "EventStoreTesting" else { return [] }
        return modules(in: file).filter { $0.module == "EventStoreTesting" || $0.module == "Testing" }.map {
            line,
            module in
            Finding(path: file.path, line: line, message: "\(module) is for tests only")
        }
    }
}

/// The targets of a package manifest and their dependencies, read by a plain scan of its text.
struct PackageTargets {
    /// Target to the modules that it depends on; libraries of other packages by their product's name.
    private(set) var dependencies: [String: Set<String>] = [:]

    init(_ manifest: String) throws {
        let product = /let\s+(\w+):\s*Target\.Dependency\s*=\s*\.product\(name:\s*"(\w+)"/
        var products: [String: String] = [:]
        for match in manifest.matches(of: product) { products[String(match.output.1)] = String(match.output.2) }
        let start = /(?:library\(|\.executableTarget\(|\.target\()\s*(?:name:\s*)?"([\w-]+)"/
        for match in manifest.matches(of: start) {
            let call = Self.call(manifest[match.range.lowerBound...])
            guard let open = call.firstIndex(of: "[") else {
                dependencies[String(match.output.1), default: []] = []
                continue
            }
            let list = call[open...].prefix { $0 != "]" }
            var modules: Set<String> = []
            for item in list.matches(of: /"(\w+)"|(\w+)/) {
                if let name = item.output.1 { modules.insert(String(name)) }
                if let name = item.output.2, let module = products[String(name)] { modules.insert(module) }
            }
            dependencies[String(match.output.1)] = modules
        }
    }

    /// The text from a call's name to the parenthesis that closes it.
    private static func call(_ text: Substring) -> Substring {
        var depth = 0
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" {
                depth -= 1
                if depth == 0 { return text[...index] }
            }
        }
        return text
    }
}
