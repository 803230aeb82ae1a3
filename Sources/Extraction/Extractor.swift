internal import CanonicalJSON
internal import DurableFiles
internal import Foundation
internal import Glibc
internal import PlantTables

/// How much a reading process may take.
package struct ExtractionLimits: Sendable, Equatable {
    /// Seconds for the whole, and without an answer.
    package var seconds: Int
    package var stallSeconds: Int
    /// Seconds of the processor, and bytes of address space, by the kernel's limits.
    package var processorSeconds: Int
    package var memoryBytes: Int

    package init(
        seconds: Int = 1800,
        stallSeconds: Int = 60,
        processorSeconds: Int = 1800,
        memoryBytes: Int = 4 << 30
    ) {
        (self.seconds, self.stallSeconds) = (seconds, stallSeconds)
        (self.processorSeconds, self.memoryBytes) = (processorSeconds, memoryBytes)
    }
}

/// Reads a plant's database into typed columns, in a process of its own: whatever a driver does ends that process and not this one.
///
/// A file is first looked at, then copied to a private place and hashed; the copy is read and then removed. The source is never
/// written to.
package struct Extractor: Sendable {
    private let program: String
    private let words: [String]
    private let scratch: String
    private let limits: ExtractionLimits
    private let cache: ExtractionCache?

    /// An extraction by a program: the absolute path of `daybook`, which is run again with words that make it a reading process.
    ///
    /// The copy of the source goes to a folder that exists. Without a cache the source is read each time.
    package init(
        program: String,
        words: [String] = ["extract"],
        scratch: String,
        limits: ExtractionLimits = ExtractionLimits(),
        cache: ExtractionCache? = nil
    ) {
        (self.program, self.words) = (program, words)
        // The reading process works in a folder of its own.
        self.scratch = URL(filePath: scratch).standardizedFileURL.path(percentEncoded: false)
        (self.limits, self.cache) = (limits, cache)
    }

    /// Extracts what a profile maps.
    ///
    /// Throws ``ExtractionFault``, which names driver, file, table and column as far as they are known; `CancellationError` where the
    /// task was cancelled, at once and with nothing left behind.
    package func run(
        _ source: SourceDescription,
        _ profile: SourceProfile,
        progress: @escaping @Sendable (ExtractionProgress) -> Void = { _ in }
    ) async throws -> Extracted {
        try await onThread(source) { work in try extract(source, profile, work, progress) }
    }

    /// The tables and columns that a source has.
    ///
    /// Throws as ``run(_:_:progress:)``.
    package func catalogue(_ source: SourceDescription) async throws -> SourceCatalogue {
        try await onThread(source) { work in
            _ = try DriverLibrary.find(for: source)
            var found: SourceCatalogue?
            _ = try work.process.run {
                let (copy, _) = try snapshot(source, work)
                return request(copy, nil, work)
            } _: { kind, body throws(ExtractionFault) in
                if kind == .catalogue { found = (try? JSONReader.plain(body)).flatMap(SourceCatalogue.init) }
            }
            guard let found else {
                throw ExtractionFault(.broken, "the reading process named no tables", hint: "run it again")
            }
            return found
        }
    }

    // MARK: - The work, on a thread of its own

    /// The folder and the process of one extraction.
    private struct Work {
        let folder: HeldFolder
        let process: ExtractionProcess
        var place: String { "\(folder.path)/place" }
    }

    private func onThread<Value: Sendable>(
        _ source: SourceDescription,
        _ body: @escaping @Sendable (Work) throws -> Value
    ) async throws -> Value {
        HeldFolder.removeAbandoned(in: scratch, prefix: "extract-")
        let folder = try HeldFolder(in: scratch, prefix: "extract-")
        let process = ExtractionProcess(program, words, in: folder.path, limits)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                Thread {
                    let work = Work(folder: folder, process: process)
                    continuation.resume(with: Result { try Self.named(source) { try body(work) } })
                }.start()
            }
        } onCancel: {
            process.cancel()
        }
    }

    /// Gives a fault the source's own name and its driver's: a process knows the copy only.
    private static func named<Value>(_ source: SourceDescription, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch var fault as ExtractionFault {
            fault.file = source.shown
            fault.driver = fault.driver ?? source.driverName
            throw fault
        }
    }

    private func snapshot(
        _ source: SourceDescription,
        _ work: Work
    ) throws(ExtractionFault) -> (SourceDescription, SourceSnapshot?) {
        guard source.isLocal else { return (source, nil) }
        let snapshot = try SourceSnapshot.take(source.location, source.kind, in: work.folder.path)
        return (try source.moved(to: snapshot.path), snapshot)
    }

    private func request(_ source: SourceDescription, _ profile: SourceProfile?, _ work: Work) -> JSONValue {
        var members: [String: JSONValue] = [
            "source": source.request, "place": .string(work.place), "memory": .integer(limits.memoryBytes),
            "cpu_seconds": .integer(limits.processorSeconds),
        ]
        members["profile"] = profile?.json
        return .object(members)
    }

    private func extract(
        _ source: SourceDescription,
        _ profile: SourceProfile,
        _ work: Work,
        _ progress: @Sendable (ExtractionProgress) -> Void
    ) throws -> Extracted {
        try profile.check()
        let library = try DriverLibrary.find(for: source)?.path ?? "csv"
        let digest = profile.digest
        var hearing = Hearing(profile: profile, kind: source.kind)
        var snapshot: SourceSnapshot?
        var kept: Extracted?
        let tail: String
        do {
            tail = try work.process.run {
                let (copy, taken) = try self.snapshot(source, work)
                snapshot = taken
                kept = taken.flatMap { look(for: $0, digest, library) }
                return kept == nil ? request(copy, profile, work) : nil
            } _: { kind, body throws(ExtractionFault) in
                try hearing.take(kind, body)
                if kind == .chunk, let state = hearing.assembly.progress { progress(state) }
            }
        } catch let fault as ExtractionFault {
            throw hearing.placed(fault, ReadingPlace(work.place))
        }
        if var kept {
            kept.source.shown = source.shown
            return kept
        }
        var extracted = hearing.extracted(source, snapshot, digest)
        if !tail.isEmpty {
            extracted.errorTail = tail
            let lines = tail.split(separator: "\n").count
            extracted.issues.append(.init(table: nil, column: nil, kind: .driverWords, count: lines, places: []))
        }
        if let cache, snapshot != nil { try cache.keep(extracted, driver: library) }
        return extracted
    }

    /// What was kept of these bytes, where there is a cache.
    private func look(for snapshot: SourceSnapshot, _ profile: String, _ driver: String) -> Extracted? {
        guard let cache else { return nil }
        var found = cache.find(source: snapshot.sha256, profile: profile, driver: driver)
        cache.count(hit: found != nil)
        found?.source.modifiedAt = snapshot.modifiedAt
        return found
    }
}

/// What has been heard of an extraction.
private struct Hearing {
    let profile: SourceProfile
    let kind: SourceDescription.Kind
    var assembly = TableAssembly()
    private var driver = ""
    private var version = ""
    private var resolved = ResolvedProfile()

    init(profile: SourceProfile, kind: SourceDescription.Kind) { (self.profile, self.kind) = (profile, kind) }

    mutating func take(_ kind: Frame.Kind, _ body: ArraySlice<UInt8>) throws(ExtractionFault) {
        if kind == .chunk { return try assembly.add(body) }
        guard let json = try? JSONReader.plain(body) else {
            throw ExtractionFault(.broken, "the reading process wrote what is no JSON", hint: "run it again")
        }
        switch kind {
        case .opened: (driver, version) = (json["driver"]?.text ?? "", json["version"]?.text ?? "")
        case .catalogue:
            if let catalogue = SourceCatalogue(json) { resolved = try profile.resolved(in: catalogue, self.kind) }
        case .table: try assembly.begin(json)
        case .tableEnd: try assembly.end(json)
        case .chunk, .done, .fault: break
        }
    }

    /// The fault with the table and the column at which the process was.
    func placed(_ fault: ExtractionFault, _ place: ReadingPlace?) -> ExtractionFault {
        guard let place else { return fault.at(assembly.source) }
        defer { place.close() }
        guard let source = assembly.source, let table = resolved.tables.first(where: { $0.source.fullName == source }),
            fault.code == .crashed || fault.code == .timedOut
        else { return fault.at(assembly.source) }
        let column = place.column
        var placed = fault.at(
            source,
            table.columns.indices.contains(column - 1) ? table.columns[column - 1].source.name : nil
        )
        if place.row > 0 { placed.message += ", in row \(place.row) of \(source)" }
        return placed
    }

    func extracted(_ source: SourceDescription, _ snapshot: SourceSnapshot?, _ profileDigest: String) -> Extracted {
        let content = assembly.facts.map { "\($0.sha256) \($0.name)\n" }.joined()
        return Extracted(
            tables: assembly.tables,
            source: SourceFacts(
                shown: source.shown,
                kind: source.kind,
                sha256: snapshot?.sha256 ?? TextDigest.of(content),
                size: snapshot?.size,
                modifiedAt: snapshot?.modifiedAt,
                driver: driver,
                driverVersion: version
            ),
            facts: assembly.facts,
            issues: assembly.issues,
            leftOut: resolved.leftOut,
            profileDigest: profileDigest,
            errorTail: nil,
            isFromCache: false
        )
    }
}
