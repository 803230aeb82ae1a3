import CanonicalJSON
import Crypto
import DurableFiles
import EventStore
import Foundation
import Inference
import ModelFolders
import NIOCore

/// Versions that are brought from a control service, by their digests.
struct RemoteModels: ModelFetching {
    let server: CommandsOverHTTP
    /// The folder whose `models/` they come to.
    let root: String
    /// The keys that the log was ever signed with.
    let keys: @Sendable () -> [VerifierKey]

    /// Versions that are kept; the oldest beyond go.
    private static let kept = 4

    private var models: String { "\(root)/models" }

    func home(of order: ServingOrder) async throws -> String {
        // Paths are made of both.
        for name in [order.folder, order.version] where !SafeName.isAllowed(name) {
            throw LoadFault(
                .log,
                "no model folder can have the name \(SafeName.printable(name.utf8))",
                hint: "`daybook verify` on the control service's machine tells what happened"
            )
        }
        do {
            try await bring(order)
            return root
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw Self.fault(of: error, order)
        }
    }

    private static func fault(of error: any Error, _ order: ServingOrder) -> LoadFault {
        if let fault = error as? LoadFault { return fault }
        let code: LoadFault.Code =
            switch error {
            case is ModelFolderFault: .damaged
            case is FileFault, is CocoaError: .storage
            default: .unreachable
            }
        let failure = Failure(error)
        return LoadFault(
            code,
            "\(order.version) cannot be brought here: \(failure?.message ?? "\(error)")",
            hint: failure?.hint ?? "see that the control service runs"
        )
    }

    /// Brings a version here unless it is; one worker of a folder at a time.
    private func bring(_ order: ServingOrder) async throws {
        if try await isHere(order) { return }
        guard let lock = try FileLock.take("\(models).lock") else {
            throw LoadFault(
                .unreachable,
                "another worker brings a version to \(models) now",
                hint: "nothing is to be done: it is tried again by itself"
            )
        }
        defer { withExtendedLifetime(lock) {} }
        // The other worker may have brought just this one.
        if try await isHere(order) { return }
        let incoming = ".incoming-\(order.version)"
        try DurableFile.makeDirectory("\(models)/\(incoming)", mode: 0o755)
        try await fetch(order, into: incoming)
        try await onThread {
            try DurableFile.synchroniseDirectory("\(models)/\(incoming)")
            let target = "\(models)/\(order.folder)"
            // What stands there is not what was registered: it was verified before.
            if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
            try DurableFile.moveToNewName("\(models)/\(incoming)", to: target)
            Self.removeOldest(in: models, but: order.folder)
        }
    }

    private func isHere(_ order: ServingOrder) async throws -> Bool {
        let (root, keys) = (root, keys())
        return try await onThread {
            // What is asked for is not the oldest, whoever removes that meanwhile.
            utimensat(AT_FDCWD, "\(root)/models/\(order.folder)", nil, AT_SYMLINK_NOFOLLOW)
            return ModelFolder.verify(
                home: root,
                folder: order.folder,
                manifestDigest: order.manifestSha256,
                signatureDigest: order.signatureSha256,
                keys: keys
            ).isEmpty
        }
    }

    /// Brings every file; what a try before brought whole is not brought again.
    private func fetch(_ order: ServingOrder, into incoming: String) async throws {
        try await fetch(SafeName.manifest, order.manifestSha256, of: order, into: incoming)
        if let signature = order.signatureSha256 {
            try await fetch(SafeName.signature, signature, of: order, into: incoming)
        }
        let path = "\(models)/\(incoming)/\(SafeName.manifest)"
        let files = try Manifest(bytes: try DurableFile.read(path, limit: Manifest.sizeLimit), path: path).files
        for file in files { try await fetch(file.name, file.sha256, size: file.size, of: order, into: incoming) }
        let names = SafeName.reserved.union(files.map(\.name))
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(models)/\(incoming)")
        where !names.contains(name) {
            try FileManager.default.removeItem(atPath: "\(models)/\(incoming)/\(name)")
        }
    }

    private func fetch(
        _ name: String,
        _ sha256: String,
        size: Int? = nil,
        of order: ServingOrder,
        into incoming: String
    ) async throws {
        let (root, path) = (root, "\(models)/\(incoming)/\(name)")
        let isThere = try await onThread {
            let file = try? ListedFile(home: root, folder: incoming, name: name, size: size, sha256: sha256)
            return (try? file?.isAsListed()) ?? false
        }
        if isThere { return }
        try? FileManager.default.removeItem(atPath: path)
        if let size, try await hasCopied(name, size: size, sha256: sha256, to: path) { return }
        do {
            try await download(name, of: order, sha256: sha256, to: path)
        } catch {
            try? FileManager.default.removeItem(atPath: path)
            throw error
        }
    }

    /// Copies a file that another version here has with the same bytes.
    private func hasCopied(_ name: String, size: Int, sha256: String, to target: String) async throws -> Bool {
        let models = models
        return try await onThread {
            for folder in (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
            where !folder.hasPrefix(".") {
                let path = "\(models)/\(folder)/\(name)"
                let found = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                guard found == size, let bytes = try? DurableFile.read(path, limit: size),
                    SHA256.hash(data: bytes).hexadecimal == sha256
                else { continue }
                try DurableFile.write(bytes, to: target)
                return true
            }
            return false
        }
    }

    private func download(_ name: String, of order: ServingOrder, sha256: String, to path: String) async throws {
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode: 0o644)
        var hash = SHA256()
        var status = 0
        let document = try await server.exchange.follow(
            "/api/v1/models/\(order.version)/files/\(name)",
            headers: server.token.map { [("Authorization", "Bearer \($0)")] } ?? [],
            accept: "application/octet-stream",
            head: { code, _ in
                status = code
                return code == 200
            },
            body: { part in
                hash.update(data: part.readableBytesView)
                try file.write(part.readableBytesView)
            }
        )
        guard status == 200 else {
            let answer = Failure(
                CommandsOverHTTP.error(in: (try? JSONReader.plain(document)) ?? .null, status: status)
            )
            throw LoadFault(
                Self.code(of: status),
                "the control service does not give \(order.version)/\(name): \(answer?.message ?? "\(status)")",
                hint: answer?.hint ?? "see its log"
            )
        }
        let found = hash.finalize().hexadecimal
        guard found == sha256 else {
            throw LoadFault(
                .altered,
                "\(order.version)/\(name) came with SHA-256 \(found), the log says \(sha256)",
                hint: "`daybook model verify \(order.version)` on the control service's machine tells more"
            )
        }
        try file.synchronise()
    }

    private static func code(of status: Int) -> LoadFault.Code {
        switch status {
        case 401, 403: .refused
        case 404, 409, 410: .altered
        default: .unreachable
        }
    }

    /// Removes the versions that were used longest ago, and what was begun longest ago.
    private static func removeOldest(in models: String, but newest: String) {
        let files = FileManager.default
        let all = ((try? files.contentsOfDirectory(atPath: models)) ?? []).filter { $0 != newest }
        for isIncoming in [false, true] {
            let byAge = all.filter { $0.hasPrefix(".") == isIncoming }.map { folder -> (name: String, at: Date) in
                let date = try? files.attributesOfItem(atPath: "\(models)/\(folder)")[.modificationDate] as? Date
                return (folder, date ?? .distantPast)
            }.sorted { $0.at > $1.at }
            for folder in byAge.dropFirst(kept - 1) { try? files.removeItem(atPath: "\(models)/\(folder.name)") }
        }
    }
}

/// What a worker tells a control service of another machine.
struct RemoteReports: WorkerReporting {
    let server: CommandsOverHTTP

    private func tell(_ worker: WorkerName, _ word: String, _ body: JSONValue) async throws {
        _ = try await server.ask("POST", "/api/v1/inference/workers/\(worker.worker)/\(word)", body)
    }

    func join(_ worker: WorkerName) async throws {
        try await tell(
            worker,
            "join",
            ["instance": .string(worker.instance), "host": .string(worker.host), "program": .string(worker.program)]
        )
    }

    func leave(_ worker: WorkerName) async throws {
        try await tell(worker, "leave", ["instance": .string(worker.instance)])
    }

    func loaded(_ worker: WorkerName, _ served: ServedModel) async throws {
        var body: [String: JSONValue] = [
            "version": .string(served.order.version), "manifest_sha256": .string(served.order.manifestSha256),
            "index_handle": .string(served.handle), "load_ms": .integer(served.loadMs),
        ]
        body["warnings"] = served.toldWarnings.map { .string($0) }
        try await tell(worker, "loaded", .object(body))
    }

    func failed(_ worker: WorkerName, _ order: ServingOrder, _ fault: LoadFault) async throws {
        try await tell(
            worker,
            "load-failed",
            [
                "version": .string(order.version), "problem": .string(fault.code.rawValue),
                "message": .string(String(fault.message.prefix(1_000))),
            ]
        )
    }

    func report(_ worker: WorkerName, _ report: WorkerReport) async throws { try await server.report(worker, report) }
}
