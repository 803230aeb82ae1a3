import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import ReadModels

extension ModelCommand {
    struct Active: HomeCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which version was active at a moment, since when, by whom and why.",
            discussion: """
                --proof writes the proof that this activation stands in the log. That no other came between it and the moment is \
                shown by an audit bundle over the positions between.
                """
        )
        @OptionGroup var global: GlobalOptions
        @Option(name: .long, help: ArgumentHelp("The moment.", valueName: "position|time|snapshot"))
        var at = "now"
        @Option(name: .long, help: ArgumentHelp("Write the activation's proof into this folder.", valueName: "dir"))
        var proof: String?

        func run(in home: OpenHome) async throws {
            let checkpoint = try home.moments().checkpoint(at)
            guard let active = try await home.read({ try Activations.inForce($0, at: Int(checkpoint)) }) else {
                home.printer.show(
                    "no version was active then",
                    ["version": .null, "checkpoint": .position(checkpoint)]
                )
                return
            }
            if let proof {
                let (log, position) = (home.log, Position(active.position))
                let head = try await home.giveOutTreeHead()
                home.printer.attachments.add(
                    try await onThread {
                        try ProofFiles.write(
                            position..<position + 1,
                            of: log,
                            under: head,
                            to: proof,
                            keepsExisting: true
                        )
                    }
                )
            }
            let name = home.name(of: active.actor)
            guard case .object(var members) = active.json.named(name) else { return }
            members["checkpoint"] = .position(checkpoint)
            // Only of now: how workers stood at a past moment depends on the clock of then.
            let barrier = at == "now" ? try await home.barrier() : nil
            members["barrier"] = barrier?.json
            let overridden = active.overriddenGates.map { "\ngates  \($0) overridden: \(active.overrideReason ?? "-")" }
            let serving = active.isExternal == 1 ? "\nserved by another service" : ""
            home.printer.show(
                """
                \(active.version) was active, by \(active.kind) at position \(active.position)
                since  \(Words.instant(active.recordedAt))
                by     \(name)
                why    \(active.reason ?? "-")
                before \(active.previousVersion ?? "-")\(overridden ?? "")\(serving)\
                \(barrier.map { "\nstate  \($0.state.rawValue): \($0.words)" } ?? "")
                """,
                .object(members)
            )
        }
    }
}
