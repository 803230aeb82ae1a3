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

    func home(of order: ServingOrder) async throws -> String {
        let (root, folder) = (root, order.folder)
        let keys = keys()
        let isHere = try await onThread {
            ModelFolder.verify(
                home: root,
                folder: folder,
                manifestDigest: order.manifestSha256,
                signatureDigest: order.signatureSha256,
                keys: keys
            ).isEmpty
        }
        if isHere { return root }
        do {
            try await fetch(order)
        } catch let fault as LoadFault {
            throw fault
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let failure = Failure(error)
            throw LoadFault(
                .unreachable,
                "\(order.version) cannot be brought here: \(failure?.message ?? "\(error)")",
                hint: failure?.hint ?? "see that the control service runs"
            )
        }
        return root
    }

    private func fetch(_ order: ServingOrder) async throws {
        let incoming = "\(root)/models/.incoming-\(order.version)-\(UUID().text.prefix(8))"
        try DurableFile.makeDirectory(incoming, mode: 0o755)
        do {
            let manifestPath = "\(incoming)/manifest.json"
            try await fetch("manifest.json", of: order, sha256: order.manifestSha256, to: manifestPath)
            if let signature = order.signatureSha256 {
                let target = "\(incoming)/\(SafeName.signature)"
                try await fetch(SafeName.signature, of: order, sha256: signature, to: target)
            }
            let manifest = try Manifest(bytes: try DurableFile.read(manifestPath), path: manifestPath)
            for file in manifest.files {
                let target = "\(incoming)/\(file.name)"
                if try await hasCopied(file, to: target) { continue }
                try await fetch(file.name, of: order, sha256: file.sha256, to: target)
            }
            let target = "\(root)/models/\(order.folder)"
            try await onThread {
                try DurableFile.synchroniseDirectory(incoming)
                // What stands there is not what was registered: it was verified before.
                if FileManager.default.fileExists(atPath: target) { try FileManager.default.removeItem(atPath: target) }
                try DurableFile.moveToNewName(incoming, to: target)
                Self.removeOldest(in: "\(root)/models", but: order.folder)
            }
        } catch {
            try? FileManager.default.removeItem(atPath: incoming)
            throw error
        }
    }

    /// Copies a file that another version here has with the same bytes.
    private func hasCopied(_ file: Manifest.File, to target: String) async throws -> Bool {
        let models = "\(root)/models"
        return try await onThread {
            for folder in (try? FileManager.default.contentsOfDirectory(atPath: models)) ?? []
            where !folder.hasPrefix(".") {
                let path = "\(models)/\(folder)/\(file.name)"
                let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                guard size == file.size, let bytes = try? DurableFile.read(path, limit: file.size),
                    Data(SHA256.hash(data: bytes)).map({ $0 }).hexadecimal == file.sha256
                else { continue }
                try DurableFile.write(bytes, to: target)
                return true
            }
            return false
        }
    }

    private func fetch(_ name: String, of order: ServingOrder, sha256: String, to path: String) async throws {
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
            throw CommandsOverHTTP.error(in: (try? JSONReader.plain(document)) ?? .null, status: status)
        }
        let found = hash.finalize().map { $0 }.hexadecimal
        guard found == sha256 else {
            throw LoadFault(
                .altered,
                "\(order.version)/\(name) came with SHA-256 \(found), the log says \(sha256)",
                hint: "`daybook model verify \(order.version)` on the control service's machine tells more"
            )
        }
        try file.synchronise()
    }

    private static func removeOldest(in models: String, but newest: String) {
        let files = FileManager.default
        let folders = ((try? files.contentsOfDirectory(atPath: models)) ?? []).filter { $0 != newest }
        let byAge = folders.map { folder -> (name: String, at: Date) in
            let date = try? files.attributesOfItem(atPath: "\(models)/\(folder)")[.modificationDate] as? Date
            return (folder, date ?? .distantPast)
        }.sorted { $0.at > $1.at }
        for folder in byAge.dropFirst(kept - 1) { try? files.removeItem(atPath: "\(models)/\(folder.name)") }
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
        try await tell(
            worker,
            "loaded",
            [
                "version": .string(served.order.version), "manifest_sha256": .string(served.order.manifestSha256),
                "index_handle": .string(served.handle), "load_ms": .integer(served.loadMs),
            ]
        )
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
