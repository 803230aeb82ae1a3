/// What a worker has to tell and nobody has heard yet: the newest load and the newest failure, the older of the two first.
///
/// Holds no version in memory, however long nobody listens.
struct Untold {
    enum News {
        /// That it answers with what serves when this is told.
        case loaded
        case failed(ServingOrder, LoadFault)

        fileprivate var isLoad: Bool { if case .loaded = self { true } else { false } }
    }

    private var news: [News] = []
    private var isTelling = false

    /// Adds news in place of older news of their kind.
    mutating func add(_ added: News) {
        news.removeAll { $0.isLoad == added.isLoad }
        news.append(added)
    }

    /// Whether the caller is to tell them: each is told once, so nobody else may be telling.
    mutating func begin() -> Bool {
        defer { isTelling = true }
        return !isTelling
    }

    /// The oldest news, for whoever tells them; nil ends the telling.
    mutating func next() -> News? {
        guard !news.isEmpty else {
            isTelling = false
            return nil
        }
        return news.removeFirst()
    }

    /// Keeps what did not reach anybody, unless there is newer of its kind, and ends the telling.
    mutating func putBack(_ unheard: News) {
        isTelling = false
        guard !news.contains(where: { $0.isLoad == unheard.isLoad }) else { return }
        news.insert(unheard, at: 0)
    }
}
