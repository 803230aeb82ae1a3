/// What is known of one configuration, folded from its stream.
package protocol ConfigFold: Sendable {
    /// What is known before any event.
    init(_ config: ConfigName)
    /// Takes one event; one of another configuration changes nothing.
    mutating func apply(_ past: HistoricEvent)
}

/// Both configurations, as far as a command asked for their streams.
package struct EachConfig<Fold: ConfigFold>: CommandState {
    private var runtime = Fold(.runtime)
    private var trainer = Fold(.trainer)

    package init() {}

    /// What is known of one configuration.
    package subscript(_ config: ConfigName) -> Fold {
        switch config {
        case .runtime: runtime
        case .trainer: trainer
        }
    }

    package mutating func apply(_ past: HistoricEvent) {
        runtime.apply(past)
        trainer.apply(past)
    }
}

/// The configurations as far as a command reads them, and the gate.
package struct GatedConfigs<Fold: ConfigFold>: CommandState {
    package var configs = EachConfig<Fold>()
    package var approvals = ApprovalState()

    package init() {}

    package mutating func apply(_ past: HistoricEvent) {
        configs.apply(past)
        approvals.apply(past)
    }
}
