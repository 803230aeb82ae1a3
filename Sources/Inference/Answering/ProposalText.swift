internal import PlantTables
package import RoutingModel

/// Proposals as JSON: the one shape that programs see, over HTTP and from the command line.
package enum ProposalText {
    /// The JSON of a proposal for a part of a model; `item` is the code that was asked for, where one was.
    package static func json(
        _ proposal: RoutingProposal,
        of part: EmbeddedPart,
        item: String?,
        by model: TrainedModel
    ) -> [UInt8] {
        var text = AnswerText(capacity: 4_096)
        text.proposal(proposal, of: part, item: item, by: model)
        return text.bytes
    }
}

extension AnswerText {
    mutating func proposal(
        _ proposal: RoutingProposal,
        of part: EmbeddedPart,
        item: String?,
        by model: TrainedModel
    ) {
        raw("{\"item\":")
        text(orNull: item)
        raw(",\"verdict\":")
        text(proposal.verdict.rawValue)
        raw(",\"needs_review\":")
        truth(proposal.verdict != .accepted)
        raw(",\"confidence\":")
        decimal(proposal.confidence, 4)
        operations(proposal.operations, model.operations)
        alternatives(proposal.alternatives, model.operations)
        expansions(proposal.expansions, model.operations)
        others(proposal.otherWork, model.operations)
        evidence(proposal.neighbours, model.items)
        raw(",\"remarks\":[")
        for (place, oddity) in part.oddities.enumerated() {
            comma(unlessFirst: place)
            remark(oddity.feature, oddity.oddity)
        }
        raw("]}")
    }

    private mutating func operations(_ operations: [RoutingProposal.Operation], _ list: OperationList) {
        raw(",\"operations\":[")
        for (place, operation) in operations.enumerated() {
            comma(unlessFirst: place)
            raw("{\"sequence\":")
            integer((place + 1) * 10)
            raw(",")
            work(operation.work, list)
            raw(",\"share\":")
            decimal(operation.share, 4)
            raw("}")
        }
        raw("]")
    }

    private mutating func others(_ others: [RoutingProposal.Work], _ list: OperationList) {
        raw(",\"other_operations\":[")
        for (place, other) in others.enumerated() {
            comma(unlessFirst: place)
            raw("{")
            work(other, list)
            raw("}")
        }
        raw("]")
    }

    /// The members of an operation that its part alone decides.
    private mutating func work(_ work: RoutingProposal.Work, _ list: OperationList) {
        raw("\"operation\":")
        text(list.codes[Int(work.operation)])
        raw(",\"name\":")
        text(list.names[Int(work.operation)])
        raw(",\"work_centres\":")
        text(list.groups[Int(work.operation)])
        raw(",\"setup_minutes\":")
        minutes(work.setup)
        raw(",\"run_minutes\":")
        minutes(work.run)
    }

    private mutating func alternatives(_ alternatives: [RoutingProposal.Alternative], _ list: OperationList) {
        raw(",\"alternatives\":[")
        for (place, alternative) in alternatives.enumerated() {
            comma(unlessFirst: place)
            raw("{\"origin\":")
            text(alternative.origin.rawValue)
            raw(",\"share\":")
            decimal(alternative.share, 4)
            raw(",\"operations\":[")
            for (place, operation) in alternative.operations.enumerated() {
                comma(unlessFirst: place)
                text(list.codes[Int(operation)])
            }
            raw("]}")
        }
        raw("]")
    }

    private mutating func expansions(_ expansions: [RoutingProposal.Expansion], _ list: OperationList) {
        raw(",\"expansions\":[")
        for (place, expansion) in expansions.enumerated() {
            comma(unlessFirst: place)
            raw("{\"place\":")
            integer(expansion.place)
            raw(",\"is_insertion\":")
            truth(expansion.isInsertion)
            raw(",\"choices\":[")
            for (place, choice) in expansion.choices.enumerated() {
                comma(unlessFirst: place)
                raw("{\"operation\":")
                text(orNull: choice.operation.map { list.codes[Int($0)] })
                raw(",\"name\":")
                text(orNull: choice.operation.map { list.names[Int($0)] })
                raw(",\"share\":")
                decimal(choice.share, 4)
                raw("}")
            }
            raw("]}")
        }
        raw("]")
    }

    private mutating func evidence(_ neighbours: [RoutingProposal.Neighbour], _ items: [String]) {
        raw(",\"neighbours\":[")
        for (place, neighbour) in neighbours.enumerated() {
            comma(unlessFirst: place)
            raw("{\"item\":")
            text(items[neighbour.part])
            raw(",\"distance\":")
            decimal(neighbour.distance, 6)
            raw(",\"weight\":")
            decimal(neighbour.weight, 4)
            raw("}")
        }
        raw("]")
    }

    private mutating func remark(_ feature: String, _ oddity: FeatureBlock.Oddity) {
        raw("{\"feature\":")
        text(feature)
        switch oddity {
        case .missing: raw(",\"kind\":\"missing\",\"value\":null}")
        case .unseen(let word):
            raw(",\"kind\":\"unseen\",\"value\":")
            text(word)
            raw("}")
        case .outside(let value):
            raw(",\"kind\":\"outside\",\"value\":")
            decimal(value, 4)
            raw("}")
        }
    }
}
