import ArgumentParser
import Backups
import CanonicalJSON
import CommandHandling
import DurableFiles
import EventStore
import Foundation
import ModelFolders
import Proofs
import RoutingDomain

/// A model's files vouched for outside the home: DSSE around an in-toto statement, signed with the log's key.
enum ModelStatement {
    static let payloadType = "application/vnd.in-toto+json"
    static let statementType = "https://in-toto.io/Statement/v1"
    static let predicateType = "urn:daybook:model-registered:v1"

    /// The files and digests that a statement names; nil for a payload that is no such statement.
    static func subjects(_ payload: [UInt8]) -> [String: String]? {
        guard let json = try? JSONReader.canonical(payload), json["_type"]?.text == statementType,
            let listed = json["subject"]?.elements
        else { return nil }
        var subjects: [String: String] = [:]
        for subject in listed {
            guard let name = subject["name"]?.text, let digest = subject["digest"]?["sha256"]?.text,
                TarMember.isSafe(name), !name.contains("/"), subjects.updateValue(digest, forKey: name) == nil
            else { return nil }
        }
        return subjects.isEmpty ? nil : subjects
    }
}

extension ModelCommand {
    struct Attest: HomeCommand {
        static let configuration = CommandConfiguration(
            commandName: "attest",
            abstract: "Write a signed statement of a version's files, to be checked offline with the log's public key."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The version.")
        var version: String
        @Option(name: .long, help: ArgumentHelp("The file; it must not exist yet.", valueName: "file"))
        var out: String

        func run(in home: OpenHome) async throws {
            try Exports.check(out)
            try await ModelCommand.verify(version, in: home)
            guard let model = try home.handler.state(for: ActivateModel(version: version)).models.registered[version]
            else {
                throw ActivateModel.unknown(version)
            }
            let (root, log, out, version) = (home.folders.root, home.log, out, version)
            let (manifestPath, manifestDigest) = (model.manifestPath, model.manifestSha256)
            let files = try await onThread {
                let path = "\(root)/\(manifestPath)"
                let bytes = try DurableFile.read(path, limit: Manifest.sizeLimit)
                // Read once more after it was verified: only the manifest of the log is signed for.
                guard Manifest.digest(bytes) == manifestDigest else { throw ModelCommand.alteredManifest(version) }
                let manifest = try Manifest(bytes: bytes, path: path)
                let subjects = [("manifest.json", manifestDigest)] + manifest.files.map { ($0.name, $0.sha256) }
                let listed = subjects.sorted { $0.0 < $1.0 }.map { name, digest -> JSONValue in
                    ["name": .string(name), "digest": ["sha256": .string(digest)]]
                }
                let statement: JSONValue = [
                    "_type": .string(ModelStatement.statementType),
                    "subject": .array(listed),
                    "predicateType": .string(ModelStatement.predicateType),
                    "predicate": ["version": .string(version), "origin": .string(log.identity.origin)],
                ]
                let payload = try statement.canonicalBytes()
                let signed = try log.attest(payloadType: ModelStatement.payloadType, payload: payload)
                let envelope = Envelope(
                    payloadType: ModelStatement.payloadType,
                    payload: payload,
                    signatures: [Envelope.Signature(keyID: signed.keyID, bytes: signed.signature)]
                )
                try DurableFile.create(try envelope.bytes(), at: out)
                return subjects.count
            }
            home.printer.show(
                "\(out): \(files) files of \(version), signed by \(home.log.identity.verifierKey)",
                [
                    "file": .string(out), "version": .string(version), "files": .integer(files),
                    "verifier_key": .string(home.log.identity.verifierKey),
                ]
            )
        }
    }

    struct VerifyAttestation: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify-attestation",
            abstract: "Check a folder against a signed statement, offline; exit code 65 names what differs."
        )
        @OptionGroup var global: GlobalOptions
        @Argument(help: "The file of `daybook model attest`.")
        var file: String
        @Option(name: .long, help: ArgumentHelp("The log's public key; your own copy.", valueName: "vkey"))
        var key: String
        @Option(name: .long, help: ArgumentHelp("The folder with the files.", valueName: "dir"))
        var dir: String

        func run() async throws {
            try PlainFile.require(file, limit: Manifest.sizeLimit)
            try PlainFile.requireFolder(dir)
            let pinned = try ProofFiles.keys([key])
            let (file, dir) = (file, dir)
            let (problems, count) = try await onThread {
                guard let envelope = Envelope(bytes: try DurableFile.read(file, limit: Manifest.sizeLimit)),
                    envelope.payloadType == ModelStatement.payloadType,
                    pinned.contains(where: { envelope.isSigned(by: $0) }),
                    let subjects = ModelStatement.subjects(envelope.payload)
                else {
                    throw Failure(
                        "attestation.refused",
                        "\(file) is no statement signed by \(pinned.map(\.text).joined(separator: " or "))",
                        hint: "it was altered, or another key signed it: compare the key with your own copy",
                        status: ExitStatus.badData
                    )
                }
                let there = Set(try FileManager.default.contentsOfDirectory(atPath: dir))
                var problems = there.subtracting(subjects.keys).map { "\($0) is not in the statement" }
                for (name, digest) in subjects {
                    let path = "\(dir)/\(name)"
                    if there.contains(name), !PlainFile.isPlain(path) {
                        problems.append("\(name) is a link or no plain file")
                    } else if (try? FileDigest.of(path).sha256) != digest {
                        problems.append("\(name) is missing or altered")
                    }
                }
                return (problems.sorted(), subjects.count)
            }
            guard problems.isEmpty else {
                throw Failure(
                    "attestation.differs",
                    "\(dir) is not what \(file) states: \(problems.joined(separator: "; "))",
                    hint: "take the folder again from where it came",
                    status: ExitStatus.badData
                )
            }
            global.printer.show(
                "\(dir): every one of \(count) files is what \(file) states; key pinned by you",
                ["file": .string(file), "dir": .string(dir), "files": .integer(count), "problems": []]
            )
        }
    }

    static func alteredManifest(_ version: String) -> Failure {
        Failure(
            "model.altered",
            "the manifest of \(version) changed while it was read",
            hint: "try again when nobody copies files there",
            status: ExitStatus.badData
        )
    }
}
