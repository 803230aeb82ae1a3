package import CanonicalJSON
package import CommandHandling
internal import DurableFiles
internal import Foundation
internal import IndexFiles
internal import LegacyArtefacts
internal import ModelFolders
internal import ModelIntake
internal import RoutingDomain
package import RoutingModel

/// A registered version of a Python plant on its way into this program's own files, as a new, inactive version.
///
/// The old version stays as it is. The new one has the plant's encoder as a document, its index byte by byte, its weights, and in its
/// metadata where it came from. It finds parts that are alike; routings it has none.
package struct ModelImport: Sendable {
    /// What came of it.
    package struct Outcome: Sendable {
        package let version: String
        package let manifestSha256: String
        /// What was compared; nil where no queries were given: then it is unproved.
        package let proof: RecordedQueries.Proof?
        package let parts: Int
        package let dimension: Int
        package let warnings: [String]
    }

    /// The registered version that is read.
    package var version: String
    /// The version that it becomes: `YYYY.MM.DD_build`, or `next` for today's next build.
    package var target: String
    package var notes: String?
    package var programVersion: String

    package init(_ version: String, as target: String = "next", notes: String? = nil, programVersion: String) {
        (self.version, self.target) = (version, target)
        (self.notes, self.programVersion) = (notes, programVersion)
    }

    /// Reads, proves and registers; leaves nothing where it throws.
    ///
    /// `queries` are compared with the new files, `parts` are attributes by part number for those that have no row of their own. Throws
    /// ``RoutingModel/RoutingModelFault`` with `unsupported` for a version that is not imported, in the words of what is missing, and
    /// `unproved` for the first answer that differs; ``ModelFolders/ModelFolderFault`` and ``RoutingDomain/Rejection`` as registration does.
    package func run(
        home: String,
        commands: CommandHandler,
        sender: Sender,
        queries: RecordedQueries? = nil,
        parts: [String: JSONValue] = [:]
    ) async throws -> Outcome {
        let work = "\(home)/data/importing"
        guard let lock = try FileLock.take("\(work).lock") else {
            throw RoutingModelFault(.inputOutput, "another import runs in \(home)", hint: "try again when it has ended")
        }
        defer { withExtendedLifetime(lock) {} }
        defer { try? FileManager.default.removeItem(atPath: work) }
        let (plan, folder) = (self, "\(work)/imported-\(version)")
        let (model, proof, registration) = try await offPool {
            // What a crash left is nobody's.
            try? FileManager.default.removeItem(atPath: work)
            let source = try RegisteredFolder(plan.version, home: home, commands: commands)
            try plan.write(source, queries?.space, to: folder)
            let model = try ImportedModel.read(folder)
            let proof = try queries?.proof(of: model, parts: parts)
            let request = RegistrationRequest(
                folder: folder,
                version: plan.target,
                notes: plan.notes ?? plan.words(proof),
                isFinished: true
            )
            return (model, proof, try Registration(request, home: home, commands: commands))
        }
        let decision = try registration.decided(by: sender)
        let command = try await offPool { try registration.takeIn(decision) }
        _ = try await commands.handle(command, by: sender)
        withExtendedLifetime(registration) {}
        return Outcome(
            version: command.version,
            manifestSha256: command.manifestSha256,
            proof: proof,
            parts: model.items.count,
            dimension: model.dimension,
            warnings: model.warnings
        )
    }

    private func words(_ proof: RecordedQueries.Proof?) -> String {
        guard let proof else { return "imported from \(version), unproved" }
        return "imported from \(version): \(proof.neighbours) recorded answers and \(proof.vectors) vectors are equal"
    }

    // MARK: - Files

    private func write(_ source: RegisteredFolder, _ space: String?, to folder: String) throws {
        let manifest = try source.manifest()
        guard manifest.kind == .legacy else {
            throw Self.refused("\(version) is not a Python plant's: it needs no import")
        }
        if let problem = source.problems().first {
            throw Self.refused("\(version) is not as registered: \(problem.description)")
        }
        let servability = LegacyModel.examine(source.path)
        guard servability.kind == .imported else {
            throw Self.refused("\(version) is not imported: \(servability.reason)")
        }
        let encoder = try LegacyEncoder(reading: "\(source.path)/\(LegacyModel.encoderFile)")
        let items = try LegacyItems(reading: "\(source.path)/\(LegacyModel.itemsFile)")
        try DurableFile.makeDirectory(folder, mode: 0o755)
        func put(_ name: String, _ bytes: [UInt8]) throws { try DurableFile.write(bytes, to: "\(folder)/\(name)") }
        func copy(_ role: FileRole, as name: String) throws {
            guard let file = manifest.files.first(where: { $0.role == role }) else {
                throw Self.refused("\(version) has no file with the role \(role.rawValue)")
            }
            try FileManager.default.copyItem(atPath: "\(source.path)/\(file.name)", toPath: "\(folder)/\(name)")
            guard try Digests.ofFile("\(folder)/\(name)") == file.sha256 else {
                throw Self.refused("\(file.name) of \(version) was altered while it was copied")
            }
        }
        try put(ModelFiles.encoder, Array((encoder.document.prettyText + "\n").utf8))
        try put(ModelFiles.ids, try ModelFiles.json(items.ids))
        try copy(.index, as: ModelFiles.index)
        try copy(.weights, as: ModelFiles.weights)
        let metadata = try metadata(source, manifest, encoder, space ?? manifest.index.space)
        try put(ModelFiles.metadata, Array((metadata.prettyText + "\n").utf8))
        try put(ModelFiles.card, Array(card(encoder, items).utf8))
    }

    /// What the plant's program told of itself, and what became of it here.
    private func metadata(
        _ source: RegisteredFolder,
        _ manifest: Manifest,
        _ encoder: LegacyEncoder,
        _ space: String?
    ) throws -> JSONValue {
        guard let space else {
            throw Self.refused("\(version) does not tell the distance of its index, and neither do the queries")
        }
        let header = try LegacyModel.header(of: source.path)
        let told = manifest.files.first { $0.role == .metadata }.flatMap {
            try? JSONReader.plain(DurableFile.read("\(source.path)/\($0.name)", limit: 1 << 20))
        }
        var members = told?.members ?? [:]
        var numbers = members["hnsw"]?.members ?? [:]
        numbers["space"] = .string(space)
        numbers["M"] = .integer(header.m)
        numbers["ef_construction"] = .integer(header.efConstruction)
        members["hnsw"] = .object(numbers)
        members["dimension"] = .integer(encoder.outputCount)
        members["version"] = nil
        members["producer"] = "daybook"
        members["imported_from"] = [
            "version": .string(version), "manifest_sha256": .string(source.event.manifestSha256),
        ]
        // The plant's hnswlib made the index; this program's other software made the rest of the files.
        for (name, version) in Software.versions(program: programVersion) where name != "hnswlib" {
            members[name] = .string(version)
        }
        if let scikitLearn = encoder.scikitLearn { members["scikit_learn"] = .string(scikitLearn) }
        members["change_scope"] = [.string(ChangeScope.runtime.rawValue)]
        return .object(members)
    }

    private func card(_ encoder: LegacyEncoder, _ items: LegacyItems) -> String {
        """
        # Model card

        **For**: finding parts that are like a new one, as the plant's Python program did. It proposes no routings and no minutes.

        **Made of**: version \(version) of this registry, trained by Python: \(items.ids.count) parts, \(encoder.outputCount) numbers each, out of
        \(encoder.inputs.joined(separator: ", ")). The index is that version's file, byte by byte; the encoder's numbers are its own.

        **Worth**: what that version was worth. Whether its recorded answers come out here too stands in the notes of the registry.

        """
    }

    private static func refused(_ message: String) -> RoutingModelFault {
        RoutingModelFault(
            .unsupported,
            message,
            hint: "the version stays kept and listed; docs/legacy-models.md says what is imported"
        )
    }
}
