import CanonicalJSON
import Crypto
import EventStoreTesting
import Foundation

/// An audit bundle or a backup, taken apart and put together again by an independent writer of tar, so that tests can forge one well.
struct BundleFile {
    struct Member {
        var name: String
        var bytes: [UInt8]
        var type = UInt8(ascii: "0")
        var link = ""
    }

    struct Malformed: Error {}

    /// The names without the folder, in the order of the tar.
    var members: [Member]

    /// The folder that all names stand in.
    private let folder: String

    init(_ tar: [UInt8], folder: String = "daybook-export/") throws {
        self.folder = folder
        members = []
        var at = 0
        while at + 512 <= tar.count, tar[at] != 0 {
            let name = String(decoding: tar[at..<at + 100].prefix { $0 != 0 }, as: UTF8.self)
            guard name.hasPrefix(folder),
                let size = Int(String(decoding: tar[at + 124..<at + 135], as: UTF8.self), radix: 8)
            else { throw Malformed() }
            members.append(
                Member(name: String(name.dropFirst(folder.count)), bytes: Array(tar[at + 512..<at + 512 + size]))
            )
            at += 512 + (size + 511) / 512 * 512
        }
    }

    subscript(_ name: String) -> [UInt8] {
        get { members.first { $0.name == name }?.bytes ?? [] }
        set {
            if let index = members.firstIndex(where: { $0.name == name }) {
                members[index].bytes = newValue
            } else {
                members.append(Member(name: name, bytes: newValue))
                members.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            }
        }
    }

    mutating func remove(_ name: String) { members.removeAll { $0.name == name } }

    /// The text of a member with some words replaced; the words must be there.
    mutating func replace(_ old: String, with new: String, in name: String) throws {
        let text = String(decoding: self[name], as: UTF8.self)
        guard text.contains(old) else { throw Malformed() }
        self[name] = Array(text.replacing(old, with: new).utf8)
    }

    /// Makes the manifest agree with the members again, as a forger would.
    mutating func reseal() {
        let lines = members.filter { $0.name != "MANIFEST.sha256" }.map { "\(Self.digest($0.bytes))  \($0.name)\n" }
        self["MANIFEST.sha256"] = Array(lines.joined().utf8)
    }

    /// Makes the manifest of a backup agree with its members again.
    mutating func resealBackup() throws {
        guard var manifest = try JSONReader.canonical(self["manifest.json"]).members else { throw Malformed() }
        manifest["files"] = .array(
            members.filter { !$0.name.hasPrefix("manifest.json") }.map {
                [
                    "path": .string($0.name), "size": .integer($0.bytes.count),
                    "sha256": .string(Self.digest($0.bytes)),
                ]
            }
        )
        self["manifest.json"] = try JSONValue.object(manifest).canonicalBytes()
        self["manifest.json.sha256"] = Array("\(Self.digest(self["manifest.json"]))  manifest.json\n".utf8)
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { String(($0 >> 4), radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    var tar: [UInt8] {
        members.flatMap { member -> [UInt8] in
            let padding = [UInt8](repeating: 0, count: (512 - member.bytes.count % 512) % 512)
            return header(member) + member.bytes + padding
        } + [UInt8](repeating: 0, count: 1024)
    }

    private func header(_ member: Member) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { block[offset + index] = byte }
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(member.name.hasPrefix("/") || member.name.hasPrefix("..") ? member.name : folder + member.name, at: 0)
        put(octal(0o644, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(member.bytes.count, 11), at: 124)
        put(octal(0, 11), at: 136)
        block[156] = member.type
        put(member.link, at: 157)
        put("ustar\u{0}00", at: 257)
        let sum = block.reduce(8 * 32) { $0 + Int($1) }
        put(octal(sum, 6) + "\u{0} ", at: 148)
        return block
    }
}

/// The auditor's side: Python and his own copy of the verifier, without a network where that can be arranged.
struct Auditor {
    let folder: TemporaryFolder
    private let script: String

    /// An auditor who took the verifier from a source of his own.
    init() throws {
        folder = try TemporaryFolder("daybook-auditor")
        script = folder.path("verify_bundle.py")
        try FileManager.default.copyItem(
            atPath: "\(Program.checkout)/Sources/Proofs/Resources/verify_bundle.py",
            toPath: script
        )
    }

    /// Runs the verifier, by Python alone or as `python` says.
    func run(_ words: [String], python: [String] = ["python3", "-I"]) async throws -> Outcome {
        let alone = getuid() == 0 ? ["/usr/bin/unshare", "-n"] : []
        let line = alone + ["/usr/bin/env"] + python + [script] + words
        return try await onThread { try Child(line, environment: Program.environment()).result() }
    }

    /// Runs the verifier on bytes.
    func check(_ tar: [UInt8], key: String, _ words: [String] = []) async throws -> Outcome {
        let path = folder.path("\(UUID().uuidString).tar")
        try Data(tar).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await run([path, "--key", key] + words)
    }
}
