import CanonicalJSON
import DurableFiles
import EventStoreTesting
import Foundation
import Glibc
import IndexFiles
import Testing

@testable import RoutingModel

@Suite("Files of the index")
struct IndexFileTests {
    @Test("A saved index answers as before when it is loaded, and saves the same bytes again")
    func round() throws {
        let folder = try TemporaryFolder()
        let index = try IndexSamples.index()
        try index.save(to: folder.path("i.bin"))
        let loaded = try NeighbourIndex.load(folder.path("i.bin"), expecting: index.parameters)
        try loaded.save(to: folder.path("again.bin"))
        let bytes = try DurableFile.read(folder.path("i.bin"))
        #expect(try DurableFile.read(folder.path("again.bin")) == bytes)
        #expect(bytes.count == index.fileSize && loaded.count == index.count)
        let vectors = IndexSamples.vectors(2000, dimension: 16)
        for row in stride(from: 0, to: 2000, by: 50) {
            let query = IndexSamples.query(row, of: vectors, dimension: 16)
            #expect(try loaded.search(query, k: 10, ef: 30) == index.search(query, k: 10, ef: 30))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
    }

    @Test(
        "The index of an existing Python plant gives the neighbours that Python recorded",
        arguments: [("2025.09.15_1", 12, 100), ("2025.09.29_1", 16, 200)]
    )
    func legacy(version: String, m: Int, efConstruction: Int) throws {
        guard let (folder, recorded) = try IndexSamples.legacy(version) else { return }
        let parameters = try IndexParameters(.l2, dimension: 29, m: m, efConstruction: efConstruction)
        let index = try NeighbourIndex.load("\(folder)/hnsw_index.bin", expecting: parameters)
        let k = try #require(recorded["k"]?.number)
        let ef = try #require(recorded["ef_search"]?.number)
        let queries = try #require(recorded["queries"]?.elements)
        #expect(queries.count >= 100)
        for query in queries {
            let found = try index.search(IndexSamples.floats(query["vector"]), k: k, ef: ef)
            let distances = IndexSamples.floats(query["distances"])
            let labels = query["neighbours"]?.elements?.compactMap(\.number) ?? []
            for (place, one) in found.enumerated() {
                #expect(abs(one.distance - distances[place]) <= 1e-5 * max(1, distances[place]))
                // Two elements at one distance may stand in either order.
                if one.label != labels[place] {
                    let other = try #require(found.first { $0.label == labels[place] }, "\(labels[place]) is not found")
                    #expect(abs(other.distance - one.distance) <= 1e-5 * max(1, one.distance))
                }
            }
        }
    }

    @Test("Other parameters than those expected are refused by name, and so is what is not a plain file")
    func parameters() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("i.bin")
        try IndexSamples.index(50).save(to: path)
        func message(_ load: String, _ dimension: Int, _ m: Int, _ ef: Int) throws -> String {
            let expected = try IndexParameters(.l2, dimension: dimension, m: m, efConstruction: ef)
            let fault = #expect(throws: RoutingModelFault.self) {
                try NeighbourIndex.load(load, expecting: expected)
            }
            return fault?.message ?? ""
        }
        #expect(try message(path, 17, 8, 60).contains("dimension 16, where 17 is expected"))
        #expect(try message(path, 16, 9, 60).contains("M 8, where 9"))
        #expect(try message(path, 16, 8, 61).contains("ef_construction 60, where 61"))
        #expect(try message(folder.path, 16, 8, 60).contains("not a plain file"))
        #expect(try message(folder.path("none"), 16, 8, 60).contains("No such file"))
        symlink(path, folder.path("link"))
        #expect(try !message(folder.path("link"), 16, 8, 60).isEmpty)
    }

    @Test("Every number of a file that is spoiled is refused, and none reaches a search; the sound file loads")
    func damage() throws {
        let folder = try TemporaryFolder()
        let index = try IndexSamples.index(300, dimension: 8, m: 4)
        let path = folder.path("i.bin")
        try index.save(to: path)
        let sound = try DurableFile.read(path)
        func outcome(_ bytes: [UInt8]) throws -> RoutingModelFault? {
            try Data(bytes).write(to: URL(filePath: path))
            do {
                _ = try NeighbourIndex.load(path, expecting: index.parameters)
                return nil
            } catch { return error }
        }
        #expect(try outcome(sound) == nil, "the control")
        let element = 8 * 4 + 4 + 8 * 4 + 8
        let lists = 96 + 300 * element
        // The fields of the header with their widths, the first element's link list, vector and label.
        let fields: [(String, Int, Int)] = [
            ("offsetLevel0", 0, 8), ("max_elements", 8, 8), ("count", 16, 8), ("element size", 24, 8),
            ("label offset", 32, 8), ("data offset", 40, 8), ("top level", 48, 4), ("entry point", 52, 4),
            ("maxM", 56, 8), ("maxM0", 64, 8), ("M", 72, 8), ("mult", 80, 8), ("ef_construction", 88, 8),
            ("links", 96, 4), ("link", 100, 4), ("label", 96 + element - 8, 8), ("list length", lists, 4),
        ]
        for (name, offset, width) in fields {
            var bytes = sound
            for place in offset..<offset + width { bytes[place] = 0xff }
            let fault = try outcome(bytes)
            #expect(fault?.code == .damaged, "\(name): \(String(describing: fault))")
        }
        for (name, part) in [("a vector's NaN", [0, 0, 0xc0, 0x7f]), ("infinity", [0, 0, 0x80, 0x7f])] as [(_, [UInt8])]
        {
            var bytes = sound
            bytes.replaceSubrange(96 + 36..<96 + 40, with: part)
            #expect(try outcome(bytes)?.code == .damaged, "\(name)")
        }
        var twins = sound
        twins.replaceSubrange(96 + element - 8..<96 + element, with: sound[(96 + 2 * element - 8)..<(96 + 2 * element)])
        #expect(try outcome(twins)?.message.contains("one label") == true)
        for length in [0, 1, 95, 96, 97, lists - 1, lists, lists + 3, sound.count - 1] {
            #expect(try outcome(Array(sound.prefix(length)))?.code == .damaged, "cut at \(length)")
        }
        #expect(try outcome(sound + [0])?.code == .damaged)
    }

    @Test("A link to an element that lacks the level is refused, as a search would read past its lists")
    func levels() throws {
        let folder = try TemporaryFolder()
        let index = try IndexSamples.index(300, dimension: 8, m: 4)
        let path = folder.path("i.bin")
        try index.save(to: path)
        var bytes = try DurableFile.read(path)
        var offset = 96 + 300 * (8 * 4 + 4 + 8 * 4 + 8)
        var (ground, upper): (UInt32?, Int?) = (nil, nil)
        for element in 0..<300 {
            let length = Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
            if length == 0 {
                ground = ground ?? UInt32(element)
            } else if bytes[offset + 4] > 0 {
                upper = upper ?? offset
            }
            offset += 4 + length
        }
        let place = try #require(upper) + 8
        for byte in 0..<4 {
            bytes[place + byte] = UInt8(truncatingIfNeeded: try #require(ground) >> (8 * UInt32(byte)))
        }
        try Data(bytes).write(to: URL(filePath: path))
        let fault = #expect(throws: RoutingModelFault.self) {
            try NeighbourIndex.load(path, expecting: index.parameters)
        }
        #expect(fault?.message.contains("lower level") == true)
    }

    @Test("Bytes changed at random are refused, or give an index that can be asked")
    func mutations() throws {
        var random = SeededGenerator()
        let folder = try TemporaryFolder()
        let index = try IndexSamples.index(300, dimension: 8, m: 4)
        let path = folder.path("i.bin")
        try index.save(to: path)
        let sound = try DurableFile.read(path)
        var refused = 0
        for _ in 0..<600 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                bytes[.random(in: 0..<96, using: &random)] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            }
            try Data(bytes).write(to: URL(filePath: path))
            guard let loaded = try? NeighbourIndex.load(path, expecting: index.parameters) else {
                refused += 1
                continue
            }
            #expect(try loaded.search([Float](repeating: 0, count: 8), k: 300, ef: 300).count <= 300)
            #expect(try loaded.exact([Float](repeating: 0, count: 8), k: 10).count <= 10)
        }
        #expect(refused > 100)
    }

    @Test("On a full disk nothing is saved, and what stood there stands")
    func fullDisk() throws {
        let folder = try TemporaryFolder()
        func run(_ arguments: String...) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = arguments
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard geteuid() == 0, try run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder.path) == 0 else {
            print("skipped: a full disk under an index: mounting needs root")
            return
        }
        defer { _ = try? run("umount", folder.path) }
        let path = folder.path("i.bin")
        let small = try IndexSamples.index(100)
        try small.save(to: path)
        let fault = #expect(throws: RoutingModelFault.self) { try IndexSamples.index(4000).save(to: path) }
        #expect(fault?.code == .inputOutput && fault?.hint.contains("free space") == true)
        #expect(try NeighbourIndex.load(path, expecting: small.parameters).count == 100)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["i.bin"])
    }
}
