internal import DurableFiles
package import EventStore
internal import Glibc
internal import LegacyArtefacts
internal import ModelFolders
internal import RoutingModel
internal import Synchronization

/// Brings a version into memory beside the one that serves, in a checked way.
///
/// Files are compared with the manifest, and the manifest with the digest in the log, before anything of them is read; an index is then
/// checked number by number by a reader of our own, hnswlib's never sees it. Blocks: call it on a thread of its own.
package struct ModelLoader: Sendable {
    /// Queries that warm a version before it serves.
    static let warmingQueries = 64
    /// What stays free at least, in bytes.
    static let spare = 64 << 20

    private let worker: String
    private let available: @Sendable () -> Int?
    private let loads = Counter()

    /// A loader of a worker; `available` tells how many bytes of memory there are, nil where nobody knows.
    package init(worker: String, available: @escaping @Sendable () -> Int? = { Memory.available() }) {
        (self.worker, self.available) = (worker, available)
    }

    /// The version of an order out of a home's `models/`, warm; `keys` are those that the log's signatures may be of.
    package func load(
        _ order: ServingOrder,
        home: String,
        keys: [VerifierKey],
        settings: ServingSettings,
        since began: ContinuousClock.Instant = .now
    ) throws(LoadFault) -> ServedModel {
        try verify(order, home: home, keys: keys)
        let path = "\(home)/models/\(order.folder)"
        try demandMemory(order, path)
        let knowledge: Knowledge
        do {
            knowledge =
                ImportedModel.isImported(path)
                ? .neighbours(try ImportedModel.read(path)) : .routings(try TrainedModel.read(path))
            try Self.warm(knowledge, settings)
        } catch {
            throw Self.fault(of: error, order)
        }
        return ServedModel(
            order,
            knowledge,
            handle: "\(worker)#\(loads.next())/\(order.version)",
            loadMs: Int((ContinuousClock.now - began) / .milliseconds(1)),
            settings: settings
        )
    }

    private func verify(_ order: ServingOrder, home: String, keys: [VerifierKey]) throws(LoadFault) {
        let problems = ModelFolder.verify(
            home: home,
            folder: order.folder,
            manifestDigest: order.manifestSha256,
            signatureDigest: order.signatureSha256,
            keys: keys
        )
        guard let first = problems.first else { return }
        let more = problems.count > 1 ? ", and \(problems.count - 1) more" : ""
        throw LoadFault(
            .altered,
            "\(first.description)\(more)",
            hint: "`daybook model verify \(order.version)` tells all; restore the folder from a backup"
        )
    }

    private func demandMemory(_ order: ServingOrder, _ path: String) throws(LoadFault) {
        var bytes = 0
        for file in (try? FolderList.files(path)) ?? [] { bytes += file.size }
        // The index lies in memory as it does in its file; what is decoded besides takes about twice its file.
        let needed = bytes * 2 + Self.spare
        guard let available = available(), available < needed else { return }
        throw LoadFault(
            .memory,
            "\(order.version) needs about \(needed >> 20) MiB beside the version that serves, \(available >> 20) MiB are free",
            hint: "free memory, or restart the worker: alone the version may fit"
        )
    }

    /// Asks for parts of the version's own: what the first request needs has then been touched.
    private static func warm(_ knowledge: Knowledge, _ settings: ServingSettings) throws {
        func places(_ count: Int) -> [Int] { Array(stride(from: 0, to: count, by: max(1, count / warmingQueries))) }
        let model: TrainedModel
        switch knowledge {
        case .routings(let trained): model = trained
        case .neighbours(let imported):
            let (places, count) = (places(imported.items.count), imported.items.count)
            for vector in imported.index.vectors(ofLabels: places) where !vector.isEmpty {
                _ = try imported.index.search(vector, k: min(settings.neighbours, count), ef: settings.efSearch)
            }
            return
        }
        for place in places(model.items.count) {
            _ = try model.proposal(
                of: model.embedded(at: place),
                ef: settings.efSearch,
                neighbours: settings.neighbours,
                gates: settings.gates,
                expansions: settings.expansions
            )
        }
    }

    private static func fault(of error: any Error, _ order: ServingOrder) -> LoadFault {
        if let fault = error as? LegacyFault { return LoadFault(.damaged, fault.message, hint: fault.hint) }
        guard let fault = error as? RoutingModelFault else {
            return LoadFault(.damaged, "\(order.version) cannot be read: \(error)", hint: "restore it from a backup")
        }
        let code: LoadFault.Code = fault.code == .unsupported ? .unsupported : .damaged
        return LoadFault(code, fault.message, hint: fault.hint)
    }
}

/// Numbers the loads of a process.
private final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

/// The names and sizes of a folder's plain files.
private enum FolderList {
    static func files(_ path: String) throws(FileFault) -> [(name: String, size: Int)] {
        guard let folder = opendir(path) else { throw FileFault("list", path: path, errorNumber: errno) }
        defer { closedir(folder) }
        var files: [(name: String, size: Int)] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            var status = stat()
            guard lstat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            files.append((name, Int(status.st_size)))
        }
        return files
    }
}
