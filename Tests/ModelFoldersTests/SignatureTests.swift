import DurableFiles
import EventStore
import EventStoreTesting
import Glibc
import RoutingDomain
import Testing

@testable import ModelFolders

@Suite("The signature of a version")
struct SignatureTests {
    let temporary: TemporaryFolder
    let home: String
    let target: String
    let log: InMemoryEventLog
    let digests: (manifest: String, signature: String?)

    init() throws {
        temporary = try TemporaryFolder()
        home = try temporary.folder("home")
        _ = try temporary.folder("home/models")
        log = try InMemoryEventLog()
        target = try SampleFolder.legacy.make(at: "\(home)/models/2025.09.15_1")
        let manifest = try Self.manifest(of: target, home: home, origin: log.identity.origin)
        let statement = ModelStatement(manifest, origin: log.identity.origin)
        digests = try ModelFolder.writeManifest(
            manifest,
            signature: try statement.signed(by: log),
            home: home,
            folder: "2025.09.15_1"
        )
    }

    private static func manifest(of folder: String, home: String, origin: String) throws -> Manifest {
        let scanned = try ModelFolder.scan(folder, home: home, now: testNow)
        return Manifest(
            of: scanned,
            version: try scanned.version(explicit: nil),
            createdAt: testNow,
            createdBy: "00000000-0000-0000-0000-000000000000",
            log: .init(origin: origin, size: 1, root: String(repeating: "0", count: 64))
        )
    }

    private var keys: [VerifierKey] { get throws { try log.verifierKeys().map(\.key) } }
    private var signature: String { "\(target)/\(SafeName.signature)" }

    private func problems() throws -> [String] {
        ModelFolder.verify(
            home: home,
            folder: "2025.09.15_1",
            manifestDigest: digests.manifest,
            signatureDigest: digests.signature,
            keys: try keys
        ).map { "\($0.kind.rawValue) \($0.path)" }
    }

    @Test("A signed folder says by which key, to anyone who has the folder and the public keys")
    func signed() throws {
        let key = try #require(try keys.first)
        let other = try #require(try InMemoryEventLog().verifierKeys().first?.key)
        #expect(ModelFolder.signature(of: target, keys: [other, key]) == .signed(by: key))
        #expect(try problems().isEmpty)
        guard case .refused(let why) = ModelFolder.signature(of: target, keys: [other]) else {
            Issue.record("another log's key passes")
            return
        }
        #expect(why.contains("none of the log's 1 keys"))
    }

    @Test("A signature that is gone is missing for a version that had one, and told for one that never had")
    func absent() throws {
        unlink(signature)
        #expect(try problems() == ["missing models/2025.09.15_1/\(SafeName.signature)"])
        #expect(ModelFolder.signature(of: target, keys: try keys) == .absent)
        let before = ModelFolder.verify(home: home, folder: "2025.09.15_1", manifestDigest: digests.manifest)
        #expect(before.isEmpty)
    }

    @Test("A signature of another log, and one for another manifest, are forged")
    func forged() throws {
        let good = try DurableFile.read(signature, limit: 1 << 20)
        let manifest = try Manifest(
            bytes: try DurableFile.read("\(target)/manifest.json", limit: 1 << 20),
            path: "manifest.json"
        )
        let stranger = try InMemoryEventLog()
        let strange = try ModelStatement(manifest, origin: log.identity.origin).signed(by: stranger)
        try DurableFile.write(strange, to: signature)
        #expect(try problems() == ["forged models/2025.09.15_1/\(SafeName.signature)"])
        let later = try Self.manifest(of: target, home: home, origin: "daybook.other/log")
        try DurableFile.write(try ModelStatement(later, origin: "x").signed(by: log), to: signature)
        #expect(try problems() == ["forged models/2025.09.15_1/\(SafeName.signature)"])
        try DurableFile.write(good, to: signature)
        #expect(try problems().isEmpty, "the control: the true one passes")
    }

    @Test("One flipped bit of the signature is found, wherever it is")
    func flippedBit() throws {
        let good = try DurableFile.read(signature, limit: 1 << 20)
        for place in stride(from: 0, to: good.count, by: max(1, good.count / 97)) {
            var bytes = good
            bytes[place] ^= 1
            try DurableFile.write(bytes, to: signature)
            #expect(try !problems().isEmpty, "byte \(place)")
        }
    }

    @Test("What stands under a tree head is no signature of a version")
    func separated() throws {
        let statement = ModelStatement(
            try Self.manifest(of: target, home: home, origin: log.identity.origin),
            origin: log.identity.origin
        )
        let payload = try statement.payload
        #expect(LMDBEventLog.attestedMessage(payloadType: ModelStatement.payloadType, payload: payload) != payload)
        #expect(TreeHead(body: String(decoding: payload, as: UTF8.self)) == nil)
    }
}
