/// A source that could not be read at the moment, and is tried again.
package struct ExtractionDelay: Sendable {
    /// Why.
    package let fault: ExtractionFault
    /// How long until then.
    package let pause: Duration
    /// Which attempt comes then; the second is 2.
    package let attempt: Int
}

extension Extractor {
    /// The pauses before a source that somebody works with is given up.
    package static let pauses: [Duration] = [.seconds(1), .seconds(4), .seconds(15)]

    /// Extracts as ``run(_:_:progress:)`` does, and tries again after a pause where the fault is one that passes: a source that is
    /// locked, or changed while it was copied.
    ///
    /// Every other fault is thrown at once, and the last one after the last pause; cancelling the task ends a pause too. `told` hears of
    /// each delay before it begins.
    package func runPatiently(
        _ source: SourceDescription,
        _ profile: SourceProfile,
        pauses: [Duration] = Extractor.pauses,
        told: @Sendable (ExtractionDelay) -> Void = { _ in },
        progress: @escaping @Sendable (ExtractionProgress) -> Void = { _ in }
    ) async throws -> Extracted {
        for (place, pause) in pauses.enumerated() {
            do {
                return try await run(source, profile, progress: progress)
            } catch let fault as ExtractionFault {
                guard fault.isTransient else { throw fault }
                told(ExtractionDelay(fault: fault, pause: pause, attempt: place + 2))
                try await Task.sleep(for: pause)
            }
        }
        return try await run(source, profile, progress: progress)
    }
}
