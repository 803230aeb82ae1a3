internal import CanonicalJSON
internal import Dispatch
internal import RoutingDomain
package import RoutingModel

/// What a version knows.
package enum Knowledge: Sendable {
    /// Parts that are alike, their routings and minutes.
    case routings(TrainedModel)
    /// Parts that are alike, and nothing else: a version that a Python plant trained.
    case neighbours(ImportedModel)
}

/// A part that was asked for by its attributes, as the version sees it.
package enum SeenPart: Sendable {
    case part(EmbeddedPart)
    case vector([Float])

    var vector: [Float] {
        switch self {
        case .part(let part): part.vector
        case .vector(let numbers): numbers
        }
    }
}

/// A version in memory, ready to answer.
///
/// A request holds one of these from its first look to its last byte, so that no answer mixes two versions; the memory goes with the last
/// request that holds it.
package final class ServedModel: Sendable {
    package let order: ServingOrder
    package let knowledge: Knowledge
    /// What diagnostics call the loaded index: another one after every load.
    package let handle: String
    /// From the order to the readiness, in milliseconds.
    package let loadMs: Int
    /// Parts that were asked for by their attributes, by the text of those.
    package let embeddings: LRUCache<[UInt8], SeenPart>
    /// Summaries as they are answered.
    package let summaries: LRUCache<String, [UInt8]>
    let codes: CodeTexts

    init(_ order: ServingOrder, _ knowledge: Knowledge, handle: String, loadMs: Int, settings: ServingSettings) {
        (self.order, self.knowledge, self.handle, self.loadMs) = (order, knowledge, handle, loadMs)
        embeddings = LRUCache(limit: settings.embeddingEntries)
        summaries = LRUCache(limit: settings.summaryEntries)
        switch knowledge {
        case .routings(let model): codes = CodeTexts(model.items)
        case .neighbours(let model): codes = CodeTexts(model.items)
        }
    }

    deinit {
        // The last to hold it may be a request, on the loop of its connection, and freeing an index takes milliseconds.
        DispatchQueue.global(qos: .utility).async { [knowledge, codes] in withExtendedLifetime((knowledge, codes)) {} }
    }

    /// The same model under another order, with empty caches.
    func reordered(
        _ order: ServingOrder,
        settings: ServingSettings,
        since began: ContinuousClock.Instant
    ) -> ServedModel {
        let loadMs = Int((ContinuousClock.now - began) / .milliseconds(1))
        return ServedModel(order, knowledge, handle: handle, loadMs: loadMs, settings: settings)
    }

    /// The same model under the same order, with empty caches.
    func emptied(by settings: ServingSettings) -> ServedModel {
        ServedModel(order, knowledge, handle: handle, loadMs: loadMs, settings: settings)
    }

    /// The plant's code of each part.
    package var items: [String] {
        switch knowledge {
        case .routings(let model): model.items
        case .neighbours(let model): model.items
        }
    }

    /// The place of a part by the plant's code; nil for one that the version has not.
    package func place(of item: String) -> Int? {
        switch knowledge {
        case .routings(let model): model.place(of: item)
        case .neighbours(let model): model.place(of: item)
        }
    }

    /// Whether parts have an attribute of that name.
    func hasAttribute(_ name: String) -> Bool {
        switch knowledge {
        case .routings(let model): model.encoder.blocks.contains { $0.feature.name == name }
        case .neighbours(let model): model.hasAttribute(name)
        }
    }

    /// The index over all parts.
    package var index: NeighbourIndex {
        switch knowledge {
        case .routings(let model): model.index
        case .neighbours(let model): model.index
        }
    }

    /// What a loader remarks without refusing the version.
    package var warnings: [String] {
        switch knowledge {
        case .routings(let model): model.warnings
        case .neighbours(let model): model.warnings
        }
    }

    /// The warnings as a report tells them, each on a line; nil where there are none.
    package var toldWarnings: String? { Self.told(warnings) }

    /// Warnings quote what files say: control characters become blanks, and what is longer than a report takes ends with three dots.
    static func told(_ warnings: [String]) -> String? {
        let lines = warnings.map { line in
            var clean = String.UnicodeScalarView()
            for scalar in line.unicodeScalars {
                clean.append(scalar.properties.generalCategory == .control ? " " : scalar)
            }
            return String(clean)
        }
        var text = lines.joined(separator: "\n")
        guard text.contains(where: { !$0.isWhitespace }) else { return nil }
        guard text.utf8.count > ReportLoad.maximumWarnings else { return text }
        text = String(text.prefix(ReportLoad.maximumWarnings))
        while text.utf8.count > ReportLoad.maximumWarnings - 3 { text.removeLast() }
        return "\(text)..."
    }

    /// How its caches fare, by name.
    package var caches: [(name: String, figures: CacheFigures)] {
        [("embeddings", embeddings.figures), ("time_summaries", summaries.figures)]
    }

    /// Bytes of memory that the index holds.
    package var indexBytes: Int { index.memoryBytes }
}

/// The codes of all parts as JSON texts, end to end: an answer copies them, and escapes nothing.
struct CodeTexts: Sendable {
    private var bytes: [UInt8] = []
    private var firsts: [Int] = [0]

    init(_ codes: [String]) {
        bytes.reserveCapacity(codes.count * 16)
        firsts.reserveCapacity(codes.count + 1)
        for code in codes {
            JSONValue.appendCanonical(code, to: &bytes)
            firsts.append(bytes.count)
        }
    }

    /// Bytes of the text of a part's code.
    @inline(__always)
    func length(of part: Int) -> Int { firsts[part + 1] - firsts[part] }

    /// Writes the text of a part's code, quotes included; returns how many bytes it took.
    @inline(__always)
    func write(_ part: Int, to place: UnsafeMutablePointer<UInt8>) -> Int {
        let count = length(of: part)
        bytes.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return }
            place.update(from: start + firsts[part], count: count)
        }
        return count
    }
}
