package import PlantTables

/// A part as the model sees it: made once of its attributes, asked any number of times.
package struct EmbeddedPart: Sendable {
    /// As many numbers as the encoder's dimension.
    package let vector: [Float]
    let inputs: TimeModel.PartInputs
    /// What the part has that the training data had not, by feature.
    package let oddities: [(feature: String, oddity: FeatureBlock.Oddity)]
}

extension TrainedModel {
    /// The rows of a table of attributes, in order; attributes that are absent count as missing.
    package func embedded(_ asked: PlantTable) -> [EmbeddedPart] {
        let vectors = encoder.vectors(of: asked)
        let inputs = times.inputs(encoder, asked)
        return (0..<asked.rowCount).map { row in
            EmbeddedPart(
                vector: Array(vectors[(row * encoder.dimension)..<((row + 1) * encoder.dimension)]),
                inputs: inputs[row],
                oddities: encoder.oddities(of: asked, row: row)
            )
        }
    }

    /// The model's own part at a place.
    package func embedded(at place: Int) -> EmbeddedPart { embedded(parts.rows([place]))[0] }

    /// The routing of a part, as far as the model's parts tell.
    ///
    /// `except` is a part that may not be evidence, by place: the part itself. The breadth of the search is at least the number of
    /// neighbours.
    package func proposal(
        of part: EmbeddedPart,
        ef: Int,
        neighbours wanted: Int? = nil,
        gates: ConfidenceGates = ConfidenceGates(),
        expansions: Int = 5,
        except: Int? = nil
    ) throws(RoutingModelFault) -> RoutingProposal {
        let count = min(wanted ?? neighbours, items.count)
        let found: [Neighbour]
        if except == nil, isRoutedThroughout {
            found = try index.search(part.vector, k: count, ef: max(ef, count))
        } else {
            // Parts without a routing are no evidence, and the part itself is none.
            found = try index.search(part.vector, k: count, ef: max(ef, count)) { place in
                place != except && routings.firsts[place] < routings.firsts[place + 1]
            }
        }
        return ProposalMaker(routings, times, confidence)
            .proposal(
                found.map { ($0.label, Double($0.distance)) },
                part.inputs,
                gates: gates,
                expansions: expansions
            )
    }

    /// Proposals for the rows of a table of attributes, in order.
    ///
    /// `except` names for each row a part that may not be its own evidence, by place. Attributes that are absent count as missing.
    package func proposals(
        for asked: PlantTable,
        ef: Int,
        neighbours wanted: Int? = nil,
        gates: ConfidenceGates = ConfidenceGates(),
        expansions: Int = 5,
        except: [Int?] = []
    ) throws(RoutingModelFault) -> [RoutingProposal] {
        var proposals: [RoutingProposal] = []
        for (row, part) in embedded(asked).enumerated() {
            proposals.append(
                try proposal(
                    of: part,
                    ef: ef,
                    neighbours: wanted,
                    gates: gates,
                    expansions: expansions,
                    except: row < except.count ? except[row] : nil
                )
            )
        }
        return proposals
    }
}
