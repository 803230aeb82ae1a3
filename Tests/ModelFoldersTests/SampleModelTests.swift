import DurableFiles
@testable import ModelFolders
import IndexFiles
import Testing

@Suite("The sample folders that ship with the repository")
struct SampleModelTests {
    @Test("Each sample is complete, native and lacks nothing", arguments: ["2026.01.12_1", "2026.02.02_1"])
    func complete(name: String) throws {
        let temporary = try TemporaryFolder()
        let root = DurableFile.parent(of: DurableFile.parent(of: DurableFile.parent(of: #filePath)))
        // A time far ahead of the files', so that a fresh clone counts as at rest.
        let folder = try ModelFolder.scan(
            "\(root)/samples/models/\(name)",
            home: temporary.path,
            now: 4_000_000_000_000_000
        )
        #expect(folder.metadata.isNative)
        #expect(folder.metadata.unknownFields.isEmpty)
        #expect(folder.metadata.statedVersion == name)
        #expect(folder.metadata.dimension == folder.index.dimension)
        #expect(folder.files.reduce(0) { $0 + $1.size } < 60_000)
        #expect(folder.roles["item_ids.json"] == .ids)
    }
}
