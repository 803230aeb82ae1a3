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
                let statement = ModelStatement(manifest, origin: log.identity.origin)
                try DurableFile.create(try statement.signed(by: log), at: out)
                return statement.digests.count
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
        @Argument(help: "The file of `daybook model attest`, or the manifest.dsse.json of a version's folder.")
        var file: String
        @Option(name: .long, help: ArgumentHelp("The log's public key; your own copy.", valueName: "vkey"))
        var key: String
        @Option(name: .long, help: ArgumentHelp("The folder with the files.", valueName: "dir"))
        var dir: String

        func run() async throws {
            try PlainFile.require(file, limit: ModelStatement.sizeLimit)
            try PlainFile.requireFolder(dir)
            let pinned = try ProofFiles.keys([key])
            let (file, dir) = (file, dir)
            let (problems, count) = try await onThread {
                let envelope = try DurableFile.read(file, limit: ModelStatement.sizeLimit)
                guard let (statement, _) = ModelStatement.verified(envelope, keys: pinned) else {
                    throw Failure(
                        "attestation.refused",
                        "\(file) is no statement signed by \(pinned.map(\.text).joined(separator: " or "))",
                        hint: "it was altered, or another key signed it: compare the key with your own copy",
                        status: ExitStatus.badData
                    )
                }
                let subjects = statement.digests
                var there = Set(try FileManager.default.contentsOfDirectory(atPath: dir))
                // The registry's own signature of the same files is no file of the model.
                let own = "\(dir)/\(SafeName.signature)"
                if there.contains(SafeName.signature), PlainFile.isPlain(own),
                    let other = try? DurableFile.read(own, limit: ModelStatement.sizeLimit),
                    Envelope(bytes: other)?.payload == (try statement.payload)
                {
                    there.remove(SafeName.signature)
                }
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
