import Crypto
import EventStoreTesting
import Foundation
import PlantTables
import Testing

/// Tables in a file: what was written, or a fault.
struct TableFileTests {
    private static let file = TableFile(
        note: Array("a note".utf8),
        tables: [
            "T": PlantTable(
                "T",
                rowCount: 3,
                columns: [
                    "A": .texts(TextColumn(["가", nil, ""])), "B": .numbers([1.5, .nan, -0.0]),
                    "C": .moments([0, PlantColumn.noMoment, 5]), "D": .truths([1, 0, -1]),
                ]
            ),
            "U": PlantTable("U", rowCount: 0, columns: ["A": .texts(TextColumn())]),
        ]
    )

    @Test func `what is read is what was written, bit by bit`() throws {
        let folder = try TemporaryFolder()
        try Self.file.write(to: folder.path("x.tables"))
        let again = try TableFile.read(folder.path("x.tables"))
        #expect(again == Self.file)
        #expect(again.encoded == Self.file.encoded)
        #expect(again.tables["T"]?.digest == Self.file.tables["T"]?.digest)
    }

    @Test func `the digest is that of the file's bytes, and so are the bytes that are written part by part`() throws {
        let folder = try TemporaryFolder()
        // Columns and words of more than the parts in which both are made.
        let numbers = (0..<300_000).map { Double($0) }
        let words = (0..<300_000).map { "a word of some length, number \($0)" }
        let columns = ["A": PlantColumn.texts(TextColumn(words)), "B": .numbers(numbers)]
        for file in [
            Self.file,
            TableFile(note: [1], tables: ["T": PlantTable("T", rowCount: 300_000, columns: columns)]),
        ] {
            try file.write(to: folder.path("y.tables"))
            let written = Array(try Data(contentsOf: URL(filePath: folder.path("y.tables"))))
            #expect(written == file.encoded && SHA256.hash(data: written) == file.digest)
        }
    }

    @Test func `no bit can be turned and no byte be lost`() {
        let bytes = Self.file.encoded
        for place in bytes.indices {
            var changed = bytes
            changed[place] ^= 1 << (place % 8)
            #expect(throws: TableFileFault.self) { try TableFile(decoding: changed) }
            #expect(throws: TableFileFault.self) { try TableFile(decoding: Array(bytes[..<place])) }
        }
        #expect(throws: TableFileFault.self) { try TableFile(decoding: bytes + [0]) }
    }
}
