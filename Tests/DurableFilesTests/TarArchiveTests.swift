import EventStoreTesting
import Foundation
import Glibc
import Testing

@testable import DurableFiles

/// Archives that other programs read, and archives that nobody should.
@Suite struct TarArchiveTests {
    @Test func whatIsWrittenIsReadAgainAndByTheSystemsTar() throws {
        let folder = try TemporaryFolder("tar")
        let path = folder.path("a.tar")
        let long = String(repeating: "folder/", count: 20) + "file"
        let files: [(String, [UInt8])] = [
            ("empty", []), ("one", [7]), ("block", [UInt8](repeating: 1, count: 512)),
            (long, [UInt8](repeating: 2, count: 1000)),
        ]
        var writer = TarWriter(try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL))
        for (name, bytes) in files { try writer.add(name, bytes) }
        try writer.finish()

        var reader = TarReader(try FileDescriptor.open(path, O_RDONLY))
        for (name, bytes) in files {
            let member = try #require(try reader.next())
            #expect(member.path == name)
            #expect(try reader.contents(limit: 1 << 20) == bytes)
        }
        #expect(try reader.next() == nil)

        let tar = Process()
        tar.executableURL = URL(filePath: "/bin/tar")
        tar.arguments = ["-tf", path]
        let output = Pipe()
        tar.standardOutput = output
        try tar.run()
        tar.waitUntilExit()
        let listed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(listed.split(separator: "\n").map(String.init) == files.map(\.0))
    }

    @Test func sizesBeyondEightGibibytesStandInTheHeader() throws {
        for size: Int64 in [0, 0o77_777_777_777, 0o77_777_777_777 + 1, 1 << 40] {
            let block = try TarHeader.block(for: TarMember(path: "big", size: size))
            #expect(try TarHeader.member(of: block)?.size == size)
        }
    }

    @Test(arguments: ["/etc/passwd", "../out", "a/../b", "a//b", "", ".", "a/", "a\\b", "a\u{7}b"])
    func anUnsafePathIsRefusedInBothDirections(path: String) throws {
        #expect(throws: TarFault.self) { try TarHeader.block(for: TarMember(path: path, size: 0)) }
        // The header of a safe path with the unsafe one put in its place, checksum and all.
        var block = try TarHeader.block(for: TarMember(path: "safe", size: 0))
        block.replaceSubrange(0..<100, with: Array(path.utf8) + [UInt8](repeating: 0, count: 100 - path.utf8.count))
        #expect(throws: TarFault.self) { try TarHeader.member(of: Self.withChecksum(block)) }
    }

    @Test(arguments: [UInt8(ascii: "1"), UInt8(ascii: "2"), UInt8(ascii: "3"), UInt8(ascii: "5"), UInt8(ascii: "x")])
    func linksDevicesAndFoldersAreRefused(kind: UInt8) throws {
        var block = try TarHeader.block(for: TarMember(path: "safe", size: 0))
        block[156] = kind
        #expect(throws: TarFault.self) { try TarHeader.member(of: Self.withChecksum(block)) }
    }

    @Test func duplicatesAndCutArchivesAreRefused() throws {
        let folder = try TemporaryFolder("tar")
        var writer = TarWriter(try FileDescriptor.open(folder.path("a.tar"), O_WRONLY | O_CREAT))
        try writer.add("a", [1, 2, 3])
        #expect(throws: TarFault.self) { try writer.add("a", [1]) }
        try writer.finish()
        let whole = try DurableFile.read(folder.path("a.tar"))
        #expect(try Self.members(whole, folder) == 1)
        for length in stride(from: 0, to: whole.count, by: 64) {
            #expect(throws: TarFault.self) { try Self.members(Array(whole.prefix(length)), folder) }
        }
        #expect(throws: TarFault.self) { try Self.members(whole + [1], folder) }
        let doubled = Array(whole.prefix(1024)) + whole
        #expect(throws: TarFault.self) { try Self.members(doubled, folder) }
    }

    private static func members(_ bytes: [UInt8], _ folder: TemporaryFolder) throws -> Int {
        try DurableFile.write(bytes, to: folder.path("cut.tar"))
        var reader = TarReader(try FileDescriptor.open(folder.path("cut.tar"), O_RDONLY))
        var count = 0
        while try reader.next() != nil { count += 1 }
        return count
    }

    private static func withChecksum(_ block: [UInt8]) -> [UInt8] {
        var block = block
        for index in 148..<156 { block[index] = 0x20 }
        let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
        let text = String(repeating: "0", count: 6 - sum.utf8.count) + sum
        block.replaceSubrange(148..<156, with: Array(text.utf8) + [0, 0x20])
        return block
    }
}
