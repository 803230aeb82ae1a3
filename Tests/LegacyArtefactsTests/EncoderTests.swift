import CanonicalJSON
import DurableFiles
import EventStoreTesting
import Foundation
import Testing

@testable import LegacyArtefacts

/// An encoder that scikit-learn wrote, with what scikit-learn makes of some rows.
struct EncoderSample: Sendable, CustomTestStringConvertible {
    let name: String
    let file: [UInt8]
    let rows: [[LegacyCell]]
    let vectors: [[LegacyCell]]

    var testDescription: String { name }

    static func all() throws -> [EncoderSample] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures").path
        var samples: [EncoderSample] = []
        for file in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where file.hasSuffix(".json") {
            let document = try JSONReader.plain(try DurableFile.read("\(folder)/\(file)"))
            for one in document["cases"]?.elements ?? [] {
                let bytes = try #require(one["file"]?.text.flatMap { Data(base64Encoded: $0) })
                samples.append(
                    EncoderSample(
                        name: "\(file): \(one["name"]?.text ?? "")",
                        file: Array(bytes),
                        rows: table(one["rows"]),
                        vectors: table(one["vectors"])
                    )
                )
            }
        }
        return samples
    }

    private static func table(_ value: JSONValue?) -> [[LegacyCell]] {
        (value?.elements ?? []).map { row in (row.elements ?? []).map(cell) }
    }

    static func cell(_ value: JSONValue) -> LegacyCell {
        switch value {
        case .string(let text): .text(text)
        case .integer(let number): .number(Double(number))
        case .decimal(let text): .number(Double(text) ?? .nan)
        case .object: .number(.nan)
        default: .none
        }
    }

    static func encoder(_ bytes: [UInt8]) throws -> LegacyEncoder {
        let file = try JoblibFile.parse(bytes)
        return try EncoderDecoding(arena: file.arena).encoder(file.value)
    }
}

@Suite("Encoders of scikit-learn")
struct EncoderTests {
    @Test("Each encoder makes of each row, to the last bit, the vector that scikit-learn makes")
    func equal() throws {
        let samples = try EncoderSample.all()
        #expect(samples.count >= 30)
        for sample in samples {
            let encoder = try EncoderSample.encoder(sample.file)
            #expect(!sample.rows.isEmpty && encoder.scikitLearn != nil)
            for (row, vector) in zip(sample.rows, sample.vectors) {
                // An imputer of texts makes no numbers, so its steps are asked, not the encoder.
                #expect(try encoder.step.apply(row) == vector, "\(sample.name)")
            }
        }
    }

    @Test("The document of an encoder gives the encoder back, byte for byte and vector for vector")
    func document() throws {
        for sample in try EncoderSample.all() {
            let encoder = try EncoderSample.encoder(sample.file)
            let bytes = try encoder.document.canonicalBytes()
            let again = try LegacyEncoder(document: try JSONReader.canonical(bytes))
            #expect(try again.document.canonicalBytes() == bytes, "\(sample.name)")
            for (row, vector) in zip(sample.rows, sample.vectors) { #expect(try again.step.apply(row) == vector) }
        }
        for damaged in ["{}", "{\"format\":1,\"inputs\":[\"a\"],\"step\":{\"kind\":\"scaler\"}}"] {
            #expect(throws: LegacyFault.self) { try LegacyEncoder(document: try JSONReader.plain(damaged)) }
        }
    }

    @Test("A cut file, or one with bytes after its end, is refused at every length")
    func cut() throws {
        for sample in try EncoderSample.all() {
            for length in stride(from: 0, to: sample.file.count, by: max(1, sample.file.count / 150)) {
                #expect(throws: LegacyFault.self, "\(sample.name) at \(length)") {
                    try EncoderSample.encoder(Array(sample.file.prefix(length)))
                }
            }
            #expect(throws: LegacyFault.self) { try EncoderSample.encoder(sample.file + [0]) }
        }
    }

    @Test(
        "A value that the encoder was made to refuse, or that is no number, is named; zeros where it was made to ignore"
    )
    func rows() throws {
        func encoder(_ name: String) throws -> LegacyEncoder {
            let sample = try #require(try EncoderSample.all().first { $0.name.hasSuffix(": \(name)") })
            return try EncoderSample.encoder(sample.file)
        }
        func message(_ name: String, _ row: [LegacyCell]) throws -> String {
            let fault = #expect(throws: LegacyFault.self) { try encoder(name).transform(row) }
            #expect(fault?.code == .badRow)
            return fault?.message ?? ""
        }
        #expect(try message("one-hot, protocol 4", [.text("q"), .text("x")]).contains("\"q\" in column 0"))
        #expect(try message("one-hot, protocol 4", [.text("a")]).contains("a row of 1 values"))
        #expect(try message("scaler, zlib", [.text("q"), .number(1)]).contains("is no number"))
        #expect(try message("scaler, zlib", [.number(.infinity), .number(1)]).contains("is no number"))
        #expect(try message("label", [.text("zz")]).contains("no category"))
        let ignoring = try encoder("columns").transform([.number(1), .number(2), .text("new"), .text("x")])
        #expect(ignoring.count == 8 && ignoring[2..<5] == [0, 0, 0])
        let ordinal = try encoder("ordinal with missing")
        #expect(try ordinal.transform([.text("new")]) == [-1] && ordinal.transform([.number(.nan)]) == [-2])
    }
}

@Suite("Folders of a Python plant")
struct LegacyModelTests {
    private func data() -> String? {
        guard let data = ProcessInfo.processInfo.environment["DAYBOOK_TEST_DATA"] else {
            print("skipped: legacy model folders: DAYBOOK_TEST_DATA is not set")
            return nil
        }
        return data
    }

    @Test("An existing plant's encoder makes of its items the vectors that Python recorded", arguments: ["15", "29"])
    func recorded(day: String) throws {
        guard let data = data() else { return }
        let version = "\(data)/legacy-models/2025.09.\(day)_1"
        let encoder = try LegacyEncoder(reading: "\(version)/encoder.joblib")
        let items = try LegacyItems(reading: "\(version)/item_ids.joblib")
        #expect(items.ids.count == (day == "15" ? 2000 : 3000) && items.ids[0] == "BL-SUS-00000")
        #expect(encoder.outputCount == 29 && encoder.inputs.first == "ITEM_GRP" && encoder.scikitLearn == "1.9.1")
        guard let rows = try Self.exported("\(data)/access/gen_demo.accdb", "ItemMaster") else { return }
        let queries = try JSONReader.plain(try DurableFile.read("\(version).queries.json"))["queries"]?.elements ?? []
        #expect(queries.count >= 100)
        let numeric: Set = [
            "OUTER_DIA_MM", "WIDTH_MM", "LENGTH_MM", "WEIGHT_KG", "TOLERANCE_MM", "HARDNESS_HRC", "HOLE_CNT",
        ]
        for query in queries {
            let item = try #require(query["item_cd"]?.text)
            let row = try #require(rows[item])
            let cells = encoder.inputs.map { name -> LegacyCell in
                let text = row[name] ?? ""
                if numeric.contains(name) { return .number(Double(text) ?? .nan) }
                // That plant reads its database with pandas, to which NULL is NaN.
                return text.isEmpty ? .number(.nan) : .text(text)
            }
            let vector = (query["vector"]?.elements ?? []).map { EncoderSample.cell($0).number.map { Float($0) } }
            #expect(try encoder.vectors([cells]) == vector, "\(item)")
        }
    }

    /// A table of an Access database by its first column; nil, with one line, without mdbtools.
    private static func exported(_ database: String, _ table: String) throws -> [String: [String: String]]? {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/mdb-export")
        process.arguments = ["-d", "\u{1f}", "-R", "\u{1e}", "-Q", database, table]
        process.standardOutput = pipe
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/mdb-export") else {
            print("skipped: vectors of legacy encoders: mdb-export is not installed")
            return nil
        }
        try process.run()
        let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let lines = text.split(separator: "\u{1e}").map {
            $0.split(separator: "\u{1f}", omittingEmptySubsequences: false).map(String.init)
        }
        let names = try #require(lines.first)
        return Dictionary(
            uniqueKeysWithValues: lines.dropFirst().map { ($0[0], Dictionary(uniqueKeysWithValues: zip(names, $0))) }
        )
    }

    @Test("A folder says whether it can be served, and why")
    func examine() throws {
        let folder = try TemporaryFolder()
        #expect(LegacyModel.examine(folder.path).kind == .pythonOnly)
        try Data().write(to: URL(filePath: folder.path("encoder.json")))
        #expect(LegacyModel.examine(folder.path).kind == .pythonOnly, "somebody else's encoder.json")
        try Data(#"{"producer": "daybook"}"#.utf8).write(to: URL(filePath: folder.path("training_metadata.json")))
        #expect(LegacyModel.examine(folder.path).kind == .native)
        let hostile: [UInt8] = [0x80, 2] + Array("cos\nsystem\n.".utf8)
        try Data(hostile).write(to: URL(filePath: folder.path("encoder.joblib")))
        let refused = LegacyModel.examine(folder.path)
        #expect(refused.kind == .pythonOnly && refused.reason.contains("os.system"))
        guard let data = data() else { return }
        for version in ["2025.09.15_1", "2025.09.29_1"] {
            let servability = LegacyModel.examine("\(data)/legacy-models/\(version)")
            #expect(servability.kind == .imported, "\(servability.reason)")
            #expect(servability.reason.contains("scikit-learn 1.9.1") && servability.reason.contains("29 numbers"))
        }
        for file in ["encoder.joblib", "item_ids.joblib"] {
            try? FileManager.default.removeItem(atPath: folder.path(file))
            try FileManager.default.copyItem(
                atPath: "\(data)/legacy-models/2025.09.15_1/\(file)",
                toPath: folder.path(file)
            )
        }
        try FileManager.default.copyItem(
            atPath: "\(data)/legacy-models/2025.09.29_1/hnsw_index.bin",
            toPath: folder.path("hnsw_index.bin")
        )
        let mixed = LegacyModel.examine(folder.path)
        #expect(mixed.kind == .pythonOnly && mixed.reason.contains("3000 elements, item_ids.joblib names 2000 parts"))
    }
}
