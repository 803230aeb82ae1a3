import CHNSW
import Dispatch
import DurableFiles
import Glibc
import Synchronization

/// An index of nearest neighbours over vectors of one dimension: built once, then only asked.
///
/// Safe to ask from any number of threads at once, each with its own breadth. The graph lives in memory beside the Swift
/// heap (``memoryBytes``). One seed, one build of this program and the same vectors give the same bytes on every machine.
package final class NeighbourIndex: @unchecked Sendable {
    // Unchecked as the graph is behind a pointer: nothing changes it after `seal`, and hnswlib's searches only read it.
    let graph: OpaquePointer
    package let parameters: IndexParameters
    /// Elements in the index, those marked as deleted among them.
    package let count: Int
    /// The place of each label, where somebody asked for one that is not its own place.
    private let places = Mutex<[Int: Int]?>(nil)

    init(sealed graph: OpaquePointer, _ parameters: IndexParameters) {
        self.graph = graph
        self.parameters = parameters
        count = chnsw_count(graph)
    }

    deinit { chnsw_free(graph) }

    /// Bytes of memory that the index holds.
    package var memoryBytes: Int { Int(chnsw_memory(graph)) }

    /// Bytes of the file that ``save(to:)`` writes.
    package var fileSize: Int { Int(chnsw_file_size(graph)) }

    /// Builds an index of row-major vectors, labelled 0, 1, …; with one thread the same input gives the same bytes.
    ///
    /// With more `threads` it is faster, as good, and another graph each time. Blocks the calling thread, which works too.
    /// `progress` is told how many vectors are in, every few hundred of them and at the end; an answer of false ends the work
    /// with a fault `cancelled`, and nothing is left. Throws `unusableData` for no vectors, a remainder, or a number that is not finite.
    package static func build(
        _ vectors: [Float],
        _ parameters: IndexParameters,
        threads: Int = 1,
        progress: (_ done: Int, _ of: Int) -> Bool = { _, _ in true }
    ) throws(RoutingModelFault) -> NeighbourIndex {
        try demandProcessor()
        let count = vectors.count / parameters.dimension
        guard count > 0, vectors.count == count * parameters.dimension, count < 1 << 31 else {
            throw RoutingModelFault(
                .unusableData,
                "\(vectors.count) numbers are not vectors of dimension \(parameters.dimension)",
                hint: "give at least one vector, and all of them whole"
            )
        }
        try demandFinite(vectors, dimension: parameters.dimension)
        let rows = parameters.space == .cosine ? normalised(vectors, parameters.dimension) : vectors
        var failure = chnsw_failure()
        guard
            let graph = chnsw_create(
                parameters.kernelSpace,
                parameters.dimension,
                count,
                parameters.m,
                parameters.efConstruction,
                Int(parameters.seed),
                &failure
            )
        else { throw RoutingModelFault(failure, "the index") }
        let index = Building(graph)
        try index.add(
            rows,
            dimension: parameters.dimension,
            count: count,
            threads: max(1, min(threads, 64)),
            progress: progress
        )
        return NeighbourIndex(sealed: index.sealed(), parameters)
    }

    /// The nearest that a search of breadth `ef` finds, at most `k`, by distance, then label; fewer only where the index holds fewer.
    ///
    /// The breadth is at least `k`. Of elements that `admit` refuses none is found: the search widens until `k` pass, and where
    /// that is no longer cheaper it looks at all (``exact(_:k:admit:)``). Throws `badQuery` for a query of another dimension, a
    /// number that is not finite, or a `k` or `ef` below 1.
    package func search(
        _ query: [Float],
        k: Int,
        ef: Int,
        admit: ((_ label: Int) -> Bool)? = nil
    ) throws(RoutingModelFault) -> [Neighbour] {
        let query = try checked(query, k: k, ef: ef)
        let wanted = min(k, count)
        guard let admit else { return try found(query, k: wanted, ef: ef) }
        // What is reached costs less by the graph only while it is a small part of all.
        let widest = max(count / 8, min(count, 1024))
        var breadth = max(ef, wanted)
        while breadth <= widest {
            // All that is reached, not the nearest `k` of it: the filter chooses.
            let passed = try found(query, k: min(breadth, count), ef: breadth).filter { admit($0.label) }
            if passed.count >= wanted { return Array(passed.prefix(wanted)) }
            if breadth >= count { break }
            breadth *= 4
        }
        return try nearestOfAll(query, k: wanted, admit)
    }

    /// The nearest of all elements, at most `k`, by distance, then label: the truth that a search is measured against.
    package func exact(
        _ query: [Float],
        k: Int,
        admit: ((_ label: Int) -> Bool)? = nil
    ) throws(RoutingModelFault) -> [Neighbour] {
        try nearestOfAll(try checked(query, k: k, ef: 1), k: min(k, count), admit)
    }

    /// The vector of each label, in the order of labels asked for; an empty one where the index has no such label.
    package func vectors(ofLabels labels: [Int]) -> [[Float]] {
        labels.map { label in
            guard let place = self.place(ofLabel: label), let start = chnsw_vector(graph, place) else { return [] }
            return Array(UnsafeBufferPointer(start: start, count: parameters.dimension))
        }
    }

    private func place(ofLabel label: Int) -> Int? {
        // Labels are places, unless somebody else built the index; then all are looked up once.
        if 0..<count ~= label, Int(chnsw_label(graph, label)) == label { return label }
        return places.withLock { known in
            let places =
                known ?? Dictionary(uniqueKeysWithValues: (0..<count).map { (Int(chnsw_label(graph, $0)), $0) })
            known = places
            return places[label]
        }
    }

    private func found(_ query: [Float], k: Int, ef: Int) throws(RoutingModelFault) -> [Neighbour] {
        try neighbours(k) { room, failure in chnsw_search(graph, query, k, ef, room, &failure) }
    }

    private func nearestOfAll(
        _ query: [Float],
        k: Int,
        _ admit: ((Int) -> Bool)?
    ) throws(RoutingModelFault) -> [Neighbour] {
        guard let admit else {
            return try neighbours(k) { room, failure in chnsw_exact(graph, query, k, nil, room, &failure) }
        }
        let admitted = (0..<count).map { admit(Int(chnsw_label(graph, $0))) ? 1 : 0 as UInt8 }
        return try neighbours(k) { room, failure in chnsw_exact(graph, query, k, admitted, room, &failure) }
    }

    private func neighbours(
        _ k: Int,
        _ fill: (UnsafeMutablePointer<chnsw_neighbour>?, inout chnsw_failure) -> Int
    ) throws(RoutingModelFault) -> [Neighbour] {
        var failure = chnsw_failure()
        let result = withUnsafeTemporaryAllocation(of: chnsw_neighbour.self, capacity: k) { room -> [Neighbour]? in
            let got = fill(room.baseAddress, &failure)
            guard got >= 0 else { return nil }
            return [Neighbour](unsafeUninitializedCapacity: got) { neighbours, filled in
                for place in 0..<got {
                    let one = room[place]
                    neighbours.initializeElement(
                        at: place,
                        to: Neighbour(label: Int(one.label), distance: one.distance)
                    )
                }
                filled = got
            }
        }
        guard let result else { throw RoutingModelFault(failure, "the index") }
        return result
    }

    private func checked(_ query: [Float], k: Int, ef: Int) throws(RoutingModelFault) -> [Float] {
        guard query.count == parameters.dimension, k > 0, ef > 0, query.allSatisfy(\.isFinite) else {
            throw RoutingModelFault(
                .badQuery,
                "a query of \(query.count) numbers for \(k) neighbours with ef \(ef) does not fit an index of dimension \(parameters.dimension)",
                hint: "give \(parameters.dimension) finite numbers, and k and ef of at least 1"
            )
        }
        return parameters.space == .cosine ? Self.normalised(query, parameters.dimension) : query
    }
}

extension NeighbourIndex {
    /// Throws `unsupported` on a processor that lacks what the kernels are compiled for.
    static func demandProcessor() throws(RoutingModelFault) {
        guard chnsw_processor_fits() != 0 else {
            throw RoutingModelFault(
                .unsupported,
                "this processor lacks AVX2, FMA or BMI2, which the index needs",
                hint: "run on a machine of the level x86-64-v3 (Intel from 2013, AMD from 2017)"
            )
        }
    }

    private static func demandFinite(_ vectors: [Float], dimension: Int) throws(RoutingModelFault) {
        guard let place = vectors.firstIndex(where: { !$0.isFinite }) else { return }
        throw RoutingModelFault(
            .unusableData,
            "vector \(place / dimension) holds \(vectors[place]) in slot \(place % dimension)",
            hint: "an embedding gives finite numbers only; look at the column that this slot is made of"
        )
    }

    /// Vectors brought to length 1, as Python's hnswlib does it; one of zeros stays.
    private static func normalised(_ vectors: [Float], _ dimension: Int) -> [Float] {
        var result = vectors
        for start in stride(from: 0, to: result.count, by: dimension) {
            var sum: Float = 0
            for slot in start..<start + dimension { sum += result[slot] * result[slot] }
            let factor = 1 / (sum.squareRoot() + 1e-30)
            for slot in start..<start + dimension { result[slot] *= factor }
        }
        return result
    }
}

/// A graph that is freed unless its building ends.
private struct Building: ~Copyable {
    private let graph: OpaquePointer

    init(_ graph: OpaquePointer) { self.graph = graph }

    deinit { chnsw_free(graph) }

    func add(
        _ rows: [Float],
        dimension: Int,
        count: Int,
        threads: Int,
        progress: (Int, Int) -> Bool
    ) throws(RoutingModelFault) {
        var done = 0
        while done < count {
            // The first alone: the others enter by it.
            let workers = done == 0 ? 1 : threads
            let part = done == 0 && threads > 1 ? 1 : min(256 * workers, count - done)
            chnsw_announce(graph, done + part)
            try addPart(rows, dimension: dimension, done..<done + part, workers: workers)
            done += part
            guard progress(done, count) else {
                throw RoutingModelFault(
                    .cancelled,
                    "the index was cancelled at \(done) of \(count) vectors",
                    hint: "nothing is left of it; start it again when it is wanted"
                )
            }
        }
    }

    private func addPart(
        _ rows: [Float],
        dimension: Int,
        _ part: Range<Int>,
        workers: Int
    ) throws(RoutingModelFault) {
        let share = (part.count + workers - 1) / workers
        let failures = Mutex<[chnsw_failure]>([])
        let place = UInt(bitPattern: graph)
        rows.withUnsafeBufferPointer { numbers in
            let start = UInt(bitPattern: numbers.baseAddress)
            let work: @Sendable (Int) -> Void = { worker in
                let first = part.lowerBound + worker * share
                let own = min(share, part.upperBound - first)
                guard own > 0, let graph = OpaquePointer(bitPattern: place),
                    let numbers = UnsafePointer<Float>(bitPattern: start)
                else { return }
                var failure = chnsw_failure()
                let code = chnsw_add(graph, numbers + first * dimension, first, own, workers > 1 ? 1 : 0, &failure)
                if code != 0 { failures.withLock { $0.append(failure) } }
            }
            if workers == 1 { work(0) } else { DispatchQueue.concurrentPerform(iterations: workers, execute: work) }
        }
        if let failure = failures.withLock({ $0.first }) { throw RoutingModelFault(failure, "the index") }
    }

    consuming func sealed() -> OpaquePointer {
        let graph = graph
        chnsw_seal(graph)
        discard self
        return graph
    }
}

extension RoutingModelFault {
    /// What the index library says, of an index or of the file of one.
    init(_ failure: chnsw_failure, _ subject: String) {
        let clause = withUnsafeBytes(of: failure.clause) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        switch failure.code {
        case CHNSW_NO_MEMORY:
            self.init(.unsupported, "\(subject) \(clause)", hint: "free memory, or take a lower M or fewer items")
        case CHNSW_SYSTEM:
            let fault = FileFault("read", path: subject, errorNumber: failure.number)
            self.init(.inputOutput, fault.description, hint: fault.hint, cause: fault)
        case CHNSW_DAMAGED:
            self.init(
                .damaged,
                "\(subject) is not a sound hnswlib index: it \(clause)",
                hint: "take the file from a backup, or train the version again"
            )
        default:
            self.init(.damaged, "\(subject) was refused by hnswlib: \(clause)", hint: "train the version again")
        }
    }
}
