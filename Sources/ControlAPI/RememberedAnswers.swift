internal import EventStore
internal import Serving
internal import Synchronization

/// Pages that were answered before, good as long as the read models have not moved.
///
/// A checkpoint that is read before the rows never names newer rows than there are, so what is kept under it is never too old.
final class RememberedAnswers: Sendable {
    private struct Kept {
        var checkpoint: Position = 0
        var bytes: [String: KeptBytes] = [:]
        var size = 0
    }

    private static let most = 32 << 20
    private let kept = Mutex(Kept())

    /// The answer to a request at a checkpoint, if it was made before.
    func bytes(for request: String, at checkpoint: Position) -> KeptBytes? {
        kept.withLock { $0.checkpoint == checkpoint ? $0.bytes[request] : nil }
    }

    /// Keeps an answer; everything of an earlier checkpoint goes, and all when 32 MiB are full.
    func keep(_ bytes: KeptBytes, for request: String, at checkpoint: Position) {
        kept.withLock { kept in
            guard checkpoint >= kept.checkpoint else { return }
            if checkpoint > kept.checkpoint || kept.size + bytes.count > Self.most {
                kept = Kept(checkpoint: checkpoint)
            }
            guard kept.bytes.updateValue(bytes, forKey: request) == nil else { return }
            kept.size += bytes.count
        }
    }
}
