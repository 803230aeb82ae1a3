import CanonicalJSON
@testable import IndexFiles
@testable import ModelFolders
import Testing

@Suite("Training metadata and index headers")
struct MetadataTests {
    private func read(_ text: String) throws(ModelFolderFault) -> TrainingMetadata {
        try TrainingMetadata.read(Array(text.utf8), path: "m.json")
    }

    @Test("An empty legacy document leaves every field unknown, and says which")
    func empty() throws {
        let metadata = try read("{}")
        #expect(!metadata.isNative)
        #expect(
            metadata.unknownFields == [
                "dataset_digest", "dimension", "hnsw.M", "hnsw.ef_construction", "hnsw.random_seed", "hnsw.space",
                "hnswlib", "joblib", "platform", "python", "scikit_learn", "swift",
            ]
        )
    }

    @Test("A folder of our own trainer may not lack a field, and each is named")
    func native() throws {
        let fault = #expect(throws: ModelFolderFault.self) { try read("{\"producer\":\"daybook\",\"dimension\":3}") }
        #expect(fault?.code == .badMetadata)
        for name in ["dataset_digest", "hnsw.M", "hnsw.ef_construction", "hnsw.random_seed", "hnsw.space", "swift"] {
            #expect(fault?.message.contains(name) == true)
        }
        #expect(fault?.message.contains("python") == false)
    }

    @Test(
        "A field of the wrong type or out of range is named with what it holds",
        arguments: [
            ("{\"dimension\":\"29\"}", "dimension"), ("{\"dimension\":0}", "dimension"),
            ("{\"dimension\":29.0}", "dimension"), ("{\"hnsw\":[]}", "hnsw"), ("{\"hnsw\":{\"M\":1}}", "hnsw.M"),
            ("{\"hnsw\":{\"space\":\"l3\"}}", "hnsw.space"), ("{\"python\":3.11}", "python"),
            ("{\"python\":\"\"}", "python"), ("{\"python\":\"3\\n11\"}", "python"),
            ("{\"dataset_digest\":\"abc\"}", "dataset_digest"), ("{\"change_scope\":\"x\"}", "change_scope"),
            ("{\"change_scope\":[\"Not A Scope\"]}", "change_scope"),
            ("{\"hnsw\":{\"random_seed\":-1}}", "random_seed"),
        ]
    )
    func wrongType(text: String, field: String) {
        let fault = #expect(throws: ModelFolderFault.self) { try read(text) }
        #expect(fault?.code == .badMetadata)
        #expect(fault?.message.contains(field) == true)
    }

    @Test("Bytes that are not a JSON object are refused", arguments: ["", "[]", "{", "{\"a\":1,\"a\":2}", "\u{1}"])
    func notJSON(text: String) {
        #expect(throws: ModelFolderFault.self) { try read(text) }
    }

    private func header(_ bytes: [UInt8], fileSize: Int? = nil) throws -> IndexHeader {
        try IndexHeader.parse(fileSize: fileSize ?? bytes.count) { offset, count in
            Array(bytes.dropFirst(offset).prefix(count))
        }
    }

    @Test("A sound header gives its counts and parameters; an empty index is sound")
    func soundHeader() throws {
        let header = try header(IndexFile().bytes)
        #expect(
            header
                == IndexHeader(
                    capacity: 2,
                    count: 2,
                    m: 4,
                    efConstruction: 20,
                    dimension: 3,
                    topLevel: 1,
                    entryPoint: 0
                )
        )
        let empty = IndexFile(count: 0, topLevel: -1, entryPoint: .max, listLengths: [])
        #expect(try self.header(empty.bytes).count == 0)
    }

    @Test("Each number that cannot be right is refused by name")
    func spoiledHeader() throws {
        func clause(_ change: (inout IndexFile) -> Void) -> String {
            var file = IndexFile()
            change(&file)
            let error = #expect(throws: IndexHeaderError.self) { try header(file.bytes) }
            return error?.clause ?? ""
        }
        #expect(clause { $0.capacity = 1 }.contains("2 elements of at most 1"))
        #expect(clause { $0.entryPoint = 2 }.contains("entry point 2"))
        #expect(clause { $0.topLevel = -1 }.contains("level -1"))
        #expect(clause { $0.listLengths = [20] }.contains("cut short"))
        #expect(clause { $0.listLengths = [40, 0] }.contains("link list of 40 bytes"))
        #expect(clause { $0.listLengths = [19, 0] }.contains("link list of 19 bytes"))
        #expect(clause { $0.listLengths = [20, 0, 0] }.contains("its lists end at"))
        #expect(clause { $0.m = 1 }.contains("M = 1"))
        #expect(clause { $0.dimension = 0 }.contains("vectors of 0 bytes"))
        #expect(clause { $0.efConstruction = 0 }.contains("ef_construction = 0"))
    }

    @Test("Index and metadata that tell different numbers are refused with both values")
    func disagreement() throws {
        let index = try header(IndexFile().bytes)
        func message(_ text: String) throws -> String {
            let metadata = try read(text)
            let fault = #expect(throws: ModelFolderFault.self) {
                try metadata.checkAgreement(with: index, index: "i.bin", metadata: "m.json")
            }
            #expect(fault?.code == .badIndex)
            return fault?.message ?? ""
        }
        #expect(try message("{\"dimension\":29}") == "i.bin was built with dimension 3, but m.json says 29")
        #expect(try message("{\"hnsw\":{\"M\":16}}").contains("M 4, but m.json says 16"))
        #expect(try message("{\"hnsw\":{\"ef_construction\":100}}").contains("ef_construction 20, but m.json says 100"))
        let sound = try read("{\"dimension\":3,\"hnsw\":{\"M\":4,\"ef_construction\":20}}")
        #expect(throws: Never.self) { try sound.checkAgreement(with: index, index: "i.bin", metadata: "m.json") }
    }

    @Test("Hostile bytes never end the process: the readers accept or refuse")
    func fuzz() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("fuzz seed \(seed)")
        var random = SplitMix(state: seed)
        let metadata = Array(try #require(SampleFolder.legacy.files["training_metadata.json"]))
        let index = IndexFile().bytes
        let manifest = try ManifestTests.sample().bytes
        var accepted = 0
        for _ in 0..<4000 {
            if (try? TrainingMetadata.read(random.spoil(metadata), path: "m")) != nil { accepted += 1 }
            let bytes = random.spoil(index)
            let size = random.next() % 8 == 0 ? Int(random.next() >> 1) : bytes.count
            if (try? header(bytes, fileSize: size)) != nil { accepted += 1 }
            if random.next() % 16 == 0, (try? Manifest(bytes: random.spoil(manifest), path: "m")) != nil {
                accepted += 1
            }
        }
        #expect(accepted > 0, "the control: some spoiled inputs are still sound")
    }
}

/// A small seeded generator: the printed seed repeats the run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Bytes with a few of them changed, or cut, or followed by others.
    mutating func spoil(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0: bytes.removeSubrange(place...)
            case 1: bytes.insert(UInt8.random(in: 0...255, using: &self), at: place)
            case 2: bytes[place] = 0xff
            case 3: bytes.append(contentsOf: bytes[place...].prefix(16))
            default: bytes[place] = UInt8.random(in: 0...255, using: &self)
            }
        }
        return bytes
    }
}
