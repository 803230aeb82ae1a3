// swift-tools-version:6.2
// The target list is the architecture: arrows point only downwards (docs/ARCHITECTURE.md shows the same picture in words).
import PackageDescription

/// Settings of every Swift target of this package: no exceptions, so that a rule read here holds everywhere.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// What the kernels of nearest neighbours are compiled for; the program asks the processor before it calls one.
#if arch(x86_64)
    let vectorFlags = ["-march=x86-64-v3"]
#else
    let vectorFlags: [String] = []
#endif

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdHTTP2: Target.Dependency = .product(name: "HummingbirdHTTP2", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")

func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ subject: String, _ extra: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(subject)Tests",
        dependencies: [.byName(name: subject)] + extra,
        exclude: exclude,
        swiftSettings: strict
    )
}

let package = Package(
    name: "daybook",
    products: [
        .executable(name: "daybook", targets: ["daybook"]),
        .library(name: "EventStore", targets: ["EventStore"]),
        .library(name: "EventStoreTesting", targets: ["EventStoreTesting"]),
        .library(name: "Proofs", targets: ["Proofs"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", exact: "5.7.1"),
    ],
    targets: [
        // The ground: C shims, bytes and files. Knows nothing of events.
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CZLIB", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CODBC", pkgConfig: "odbc", providers: [.apt(["unixodbc-dev"])]),
        .target(name: "CPOSIX"),
        .target(name: "CSQLiteSetup", linkerSettings: [.linkedLibrary("sqlite3")]),
        library("CanonicalJSON", []),
        library("DurableFiles", ["CPOSIX"]),
        library("PlantTables", ["DurableFiles", crypto]),
        library("IndexFiles", []),
        // hnswlib's headers behind a C interface. Built for x86-64-v3, whose vectors the distances need; without contraction and
        // with distances of our own, so that one build gives the same bytes on every machine.
        .target(name: "CHNSW", cxxSettings: [.unsafeFlags(vectorFlags + ["-O2", "-ffp-contract=off"])]),

        // What the program says of itself: numbers by the minute, their names, lines of requests. Knows no domain.
        library("Observing", ["CPOSIX", "CanonicalJSON", "DurableFiles", metrics]),

        // The log: the only truth. Knows no domain.
        library("EventStore", ["CLMDB", "CPOSIX", "CanonicalJSON", "DurableFiles", crypto, logging]),
        library("EventStoreTesting", ["EventStore", "CanonicalJSON", "DurableFiles"]),

        // What an outsider can check without trusting this program. Knows no domain either.
        library("Proofs", ["EventStore", "CanonicalJSON", "DurableFiles", crypto], resources: [.copy("Resources")]),

        // What may happen: pure events, commands, deciders; and the one place that appends them.
        library("RoutingDomain", ["CanonicalJSON"]),
        library("CommandHandling", ["EventStore", "RoutingDomain", "CanonicalJSON", crypto]),

        // What can be read: rows, documents, queries. All of it can be deleted and comes back.
        library(
            "Projecting",
            [
                "CSQLiteSetup", "EventStore", "RoutingDomain", "ReadModels", "CanonicalJSON", "DurableFiles", grdb,
                sqlite, yams,
                mustache, crypto, logging,
            ],
            resources: [.copy("../../projections"), .copy("../../migrations"), .copy("Templates")]
        ),
        library("ReadModels", ["RoutingDomain", "CanonicalJSON", grdb]),
        library(
            "Exporting",
            [
                "EventStore", "Observing", "Proofs", "ReadModels", "RoutingDomain", "CanonicalJSON", "DurableFiles",
                grdb, crypto,
            ],
            resources: [.copy("Resources")]
        ),

        // The model itself: pure computation over tables and artefacts.
        // Compiled with optimisation even for tests: they train on whole plants.
        .target(
            name: "RoutingModel",
            dependencies: [
                "CHNSW", "IndexFiles", "LegacyArtefacts", "PlantTables", "CanonicalJSON", "DurableFiles",
            ],
            swiftSettings: strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]
        ),

        // A made plant, for demonstrations and tests.
        library("PlantSamples", ["RoutingModel"]),
        // From a plant's tables to a registered version, step by step.
        library(
            "Training",
            [
                "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "IndexFiles", "LegacyArtefacts",
                "ModelFolders", "ModelIntake", "PlantTables", "RoutingDomain", "RoutingModel", crypto,
            ]
        ),

        // What a version must pass before it becomes active, looked at in a process of its own.
        library(
            "ModelGates",
            [
                "CPOSIX", "CanonicalJSON", "DurableFiles", "LegacyArtefacts", "RoutingDomain", "RoutingModel", crypto,
            ]
        ),

        // What a Python plant left, read as data and never run.
        library("LegacyArtefacts", ["CZLIB", "CanonicalJSON", "IndexFiles", "DurableFiles"]),

        // A plant's database on its way in: typed columns out of Access, SQLite, PostgreSQL and CSV, in a process of its own.
        library(
            "Extraction",
            ["CODBC", "CPOSIX", "CanonicalJSON", "DurableFiles", "PlantTables", "RoutingDomain", crypto]
        ),

        // Model folders on disk, and the people who act.
        library(
            "ModelFolders",
            ["EventStore", "IndexFiles", "Proofs", "RoutingDomain", "CanonicalJSON", "DurableFiles", crypto]
        ),
        // Models on their way in: what needs the log and the home's models/ together, and in which order.
        library(
            "ModelIntake",
            [
                "CommandHandling", "EventStore", "LegacyArtefacts", "ModelFolders", "RoutingDomain", "CanonicalJSON",
                "DurableFiles", crypto,
            ]
        ),
        library(
            "Accounts",
            ["CArgon2", "CanonicalJSON", "DurableFiles", "Observing", "RoutingDomain", crypto, grdb, jwt],
            resources: [.copy("Resources")]
        ),
        // Coming in: what needs the log and data/state.db together, and in which order.
        library(
            "SignIn",
            ["Accounts", "CommandHandling", "EventStore", "RoutingDomain", "CanonicalJSON", "DurableFiles"]
        ),

        // HTTP without a domain: TLS, limits, deadlines, routes, problems, settings.
        library(
            "Serving",
            [
                "CPOSIX", "CanonicalJSON", "DurableFiles", asn1, configuration, crypto, httpTypes, hummingbird,
                hummingbirdCore, hummingbirdHTTP2, lifecycle, logging, nio, nioHPACK, nioHTTP1, nioHTTP2, nioHTTPTypes,
                nioSSL, nioTLS, x509, yams,
            ],
            resources: [.copy("Resources")]
        ),

        // What becomes of each request that a service answers: a line, and counts.
        library("Metering", ["CanonicalJSON", "Observing", "RoutingDomain", "Serving", metrics]),

        // The HTTP API of one home: its routes over commands and read models.
        library(
            "ControlAPI",
            [
                "Accounts", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "Exporting", "Extraction",
                "Metering", "ModelFolders", "ModelIntake", "Observing", "Projecting", "Proofs", "ReadModels",
                "RoutingDomain", "Serving", "SignIn", grdb, logging, metrics,
            ]
        ),

        // Proposals by the active version, which changes under load without a failed request.
        library(
            "Inference",
            [
                "Accounts", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "LegacyArtefacts",
                "Metering",
                "ModelFolders", "Observing", "PlantTables", "Proofs", "RoutingDomain", "RoutingModel", "Serving",
                crypto, lifecycle, logging,
            ]
        ),

        // A home in one file, and its keys in another.
        library("Backups", ["CArgon2", "EventStore", "CanonicalJSON", "DurableFiles", crypto]),

        .executableTarget(
            name: "daybook",
            dependencies: [
                "Accounts", "Backups", "CPOSIX", "CanonicalJSON", "CommandHandling", "ControlAPI", "DurableFiles",
                "EventStore", "Exporting", "Extraction", "Inference", "LegacyArtefacts", "Metering", "ModelFolders",
                "ModelGates", "ModelIntake", "Observing", "PlantTables",
                "Projecting", "Proofs", "ReadModels", "RoutingDomain", "RoutingModel", "PlantSamples", "Serving",
                "SignIn",
                "Training", arguments, crypto, grdb, lifecycle, logging, nio,
                nioHTTP1,
                nioPosix,
                nioSSL, signals,
            ],
            swiftSettings: strict
        ),

        // `make bench`: the log beside bare programs, in one run.
        .executableTarget(
            name: "daybook-bench",
            dependencies: [
                "Backups", "CPOSIX", "CanonicalJSON", "CommandHandling", "EventStore", "Exporting", "Extraction",
                "Projecting", "Proofs", "ReadModels", "RoutingDomain", "RoutingModel", arguments, crypto, grdb,
                hummingbird, nio,
            ],
            path: "Benchmarks/DaybookBench",
            swiftSettings: strict
        ),

        tests("CanonicalJSON", ["EventStoreTesting"]),
        tests("Observing", ["CanonicalJSON", "DurableFiles", "EventStoreTesting", "ScrapeReading", metrics]),
        tests("LegacyArtefacts", ["CanonicalJSON", "DurableFiles", "EventStoreTesting"], exclude: ["Fixtures"]),
        // A reader of Prometheus' text that shares nothing with the writer.
        .target(name: "ScrapeReading", path: "Tests/ScrapeReading", swiftSettings: strict),
        tests("DurableFiles", ["EventStoreTesting"]),
        .target(
            name: "MadeTables",
            dependencies: ["PlantTables", "PlantSamples"],
            path: "Tests/MadeTables",
            swiftSettings: strict
        ),
        tests(
            "RoutingModel",
            [
                "IndexFiles", "MadeTables", "PlantTables", "PlantSamples", "CanonicalJSON", "DurableFiles",
                "EventStoreTesting",
            ],
            exclude: ["Python"]
        ),
        tests("PlantTables", ["EventStoreTesting", crypto]),
        tests(
            "ModelGates",
            [
                "CanonicalJSON", "DurableFiles", "EventStoreTesting", "MadeTables", "PlantSamples", "PlantTables",
                "RoutingDomain", "RoutingModel",
            ]
        ),
        tests(
            "Training",
            [
                "daybook", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "EventStoreTesting",
                "Extraction",
                "MadeTables", "ModelIntake", "PlantTables", "RoutingDomain", "RoutingModel", "PlantSamples",
            ]
        ),
        // The child of an extraction is the program itself.
        tests(
            "Extraction",
            ["daybook", "CanonicalJSON", "DurableFiles", "EventStoreTesting", "PlantTables", grdb],
            exclude: ["Fixtures"]
        ),
        tests(
            "EventStore",
            ["EventStoreTesting", "EventStoreTestWriter", "CLMDB", "CanonicalJSON", "DurableFiles", crypto],
            exclude: ["Golden"]
        ),
        tests(
            "Proofs",
            ["EventStore", "EventStoreTesting", "CanonicalJSON", crypto],
            exclude: ["Reference"]
        ),
        // A process of its own for the tests that kill, race or follow one.
        .executableTarget(
            name: "EventStoreTestWriter",
            dependencies: ["EventStore", "EventStoreTesting", "CLMDB"],
            path: "Tests/EventStoreTestWriter",
            swiftSettings: strict
        ),
        tests("RoutingDomain", ["CanonicalJSON"], exclude: ["Golden"]),
        tests("CommandHandling", ["CLMDB", "EventStore", "EventStoreTesting", "RoutingDomain", "CanonicalJSON"]),
        tests(
            "Projecting",
            [
                "EventStore", "EventStoreTesting", "CommandHandling", "RoutingDomain", "ReadModels", "CanonicalJSON",
                "DurableFiles", "RegistryFixture", grdb, yams,
            ],
            exclude: ["Documents/Golden"]
        ),
        .target(
            name: "RegistryFixture",
            dependencies: ["RoutingDomain", "CanonicalJSON", grdb],
            path: "Tests/RegistryFixture",
            swiftSettings: strict
        ),
        tests("ReadModels", ["RegistryFixture", "RoutingDomain", "CanonicalJSON", grdb]),
        tests(
            "Exporting",
            [
                "EventStore", "EventStoreTesting", "Proofs", "RegistryFixture", "ReadModels", "RoutingDomain",
                "CanonicalJSON", "DurableFiles", "Observing", grdb,
            ]
        ),
        tests(
            "ModelFolders",
            ["EventStore", "EventStoreTesting", "IndexFiles", "RoutingDomain", "CanonicalJSON", "DurableFiles"],
            exclude: ["Golden"]
        ),
        tests(
            "Accounts",
            [
                "CanonicalJSON", "DurableFiles", "EventStoreTesting", "Observing", "RoutingDomain", crypto, grdb,
            ]
        ),
        tests(
            "SignIn",
            [
                "Accounts", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "EventStoreTesting",
                "RoutingDomain",
            ]
        ),
        tests(
            "Serving",
            [
                "CanonicalJSON", "DurableFiles", "EventStoreTesting", asn1, httpTypes, hummingbird, hummingbirdTesting,
                lifecycle, logging, nio, x509,
            ],
            exclude: ["Clients"]
        ),
        tests(
            "ControlAPI",
            [
                "Accounts", "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "EventStoreTesting",
                "Metering", "ModelIntake", "Observing", "Projecting", "RoutingDomain", "ScrapeReading", "Serving",
                "SignIn", crypto,
                lifecycle, logging, metrics,
            ]
        ),
        tests(
            "Inference",
            [
                "CanonicalJSON", "CommandHandling", "DurableFiles", "EventStore", "EventStoreTesting", "MadeTables",
                "Metering", "ModelFolders", "PlantSamples", "PlantTables", "RoutingDomain", "RoutingModel", "Serving",
                "Training", lifecycle, logging,
            ]
        ),
        tests("Backups", ["EventStore", "EventStoreTesting", "CanonicalJSON", "DurableFiles"]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["daybook", "EventStoreTesting", "EventStoreTestWriter", "CanonicalJSON", crypto],
            exclude: ["Golden", "Fixtures"],
            swiftSettings: strict
        ),
        .testTarget(name: "TidyTests", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17,
    cxxLanguageStandard: .cxx17
)
