import EventStoreTesting
import Foundation
import Testing

@testable import RoutingModel

@Suite("Python's hnswlib")
struct PythonTests {
    /// `DAYBOOK_PYTHON`, else `python3`, if it has hnswlib.
    private static func python() throws -> String? {
        let python = ProcessInfo.processInfo.environment["DAYBOOK_PYTHON"] ?? "python3"
        guard try run(python, "-c", "import hnswlib, numpy") == 0 else {
            print("skipped: index files of Python's hnswlib: \(python) has no hnswlib (DAYBOOK_PYTHON names another)")
            return nil
        }
        return python
    }

    private static func run(_ arguments: String...) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    private static func numbers<Number>(_ path: String, of _: Number.Type) throws -> [Number] {
        let data = try Data(contentsOf: URL(filePath: path))
        return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: MemoryLayout<Number>.size).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: Number.self)
            }
        }
    }

    @Test(
        "Python loads our files and we load Python's, and both give the same neighbours to 1,000 queries",
        arguments: [("l2", 29), ("ip", 16), ("cosine", 20)]
    )
    func both(space: String, dimension: Int) throws {
        guard let python = try Self.python() else { return }
        let folder = try TemporaryFolder()
        let (m, efConstruction, k, ef) = (12, 100, 10, 120)
        let vectors = IndexSamples.vectors(3000, dimension: dimension)
        let queries = IndexSamples.vectors(1000, dimension: dimension, seed: 8)
        for (name, numbers) in [("vectors", vectors), ("queries", queries)] {
            try numbers.withUnsafeBytes { try Data($0).write(to: URL(filePath: folder.path("\(name).f32"))) }
        }
        let parameters = try IndexParameters(
            try #require(IndexParameters.Space(rawValue: space)),
            dimension: dimension,
            m: m,
            efConstruction: efConstruction
        )
        let built = try NeighbourIndex.build(vectors, parameters)
        try built.save(to: folder.path("ours.bin"))
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Python/roundtrip.py").path
        let exit = try Self.run(
            python,
            script,
            folder.path,
            space,
            "\(dimension)",
            "\(m)",
            "\(efConstruction)",
            "\(k)",
            "\(ef)"
        )
        try #require(exit == 0)
        let loaded = try NeighbourIndex.load(folder.path("python.bin"), expecting: parameters)
        for (name, index) in [("ours", built), ("python", loaded)] {
            let labels = try Self.numbers(folder.path("\(name).labels"), of: UInt64.self)
            let distances = try Self.numbers(folder.path("\(name).distances"), of: Float.self)
            for row in 0..<1000 {
                let query = IndexSamples.query(row, of: queries, dimension: dimension)
                let found = try index.search(query, k: k, ef: ef)
                #expect(found.map(\.label) == labels[row * k..<row * k + k].map { Int($0) }, "\(name) \(row)")
                for (one, distance) in zip(found, distances[(row * k)...]) {
                    #expect(abs(one.distance - distance) <= 1e-5 * max(1, abs(distance)))
                }
            }
        }
        // Python marked it as deleted.
        let deleted = try loaded.exact(IndexSamples.query(3, of: vectors, dimension: dimension), k: 50)
        #expect(!deleted.map(\.label).contains(3) && loaded.count == 3000)
    }
}
