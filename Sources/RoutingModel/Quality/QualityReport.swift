internal import Foundation

/// What a version is worth: splits beside two floors, the recall of the index, what the data lacked.
///
/// Nothing in it depends on the clock or on the speed of the machine: the same data, settings and seed give the same bytes.
package struct QualityReport: Sendable, Equatable, Codable {
    /// How well a setting of `ef_search` finds the true neighbours.
    package struct Preset: Sendable, Equatable, Codable {
        package let name: String
        package let ef: Int
        /// The share of the true nearest that the index finds, from 0 to 1.
        package let recall: Double

        package init(name: String, ef: Int, recall: Double) { (self.name, self.ef, self.recall) = (name, ef, recall) }
    }

    package let evaluations: [Evaluation]
    /// Why a split could not be made, by its name; nil where all were, as in a report of before.
    package let notMade: [String: String]?
    package let presets: [Preset]
    package let preparation: PreparationReport
    package let parts: Int
    package let operations: OperationList
    /// Median error of held-out run minutes in percent and times known, by operation.
    package let operationErrors: [String: OperationError]
    package let weights: [String: Double]
    package let leftOut: [String: String]
    /// What the source lacked and what was lost on the way from it, a line each; nil in reports from before it was told.
    package let lacked: [String]?

    /// How well the minutes of one operation are told.
    package struct OperationError: Sendable, Equatable, Codable {
        package let times: Int
        package let medianMinutes: Double
        package let medianError: Double
    }

    /// A report of what was measured on a model and its training set.
    package init(
        _ evaluations: [Evaluation],
        presets: [Preset],
        _ set: TrainingSet,
        _ model: FittedModel,
        plan: FeaturePlan,
        lacked: [String] = []
    ) {
        self.lacked = lacked
        self.evaluations = evaluations
        let missing = Evaluation.Split.allCases.filter { split in !evaluations.contains { $0.split == split } }
        notMade =
            missing.isEmpty
            ? nil
            : Dictionary(uniqueKeysWithValues: missing.map { ($0.rawValue, Evaluation.whyNot($0, set)) })
        self.presets = presets
        preparation = set.report
        parts = set.items.count
        operations = set.operations
        weights = Dictionary(
            uniqueKeysWithValues: zip(model.encoder.blocks.map(\.feature.name), model.encoder.weights)
        )
        leftOut = Dictionary(uniqueKeysWithValues: plan.leftOut.map { ($0.name, $0.reason) })
        var errors: [String: OperationError] = [:]
        for (operation, line) in model.times.run.enumerated() {
            guard let line else { continue }
            errors[set.operations.codes[operation]] = OperationError(
                times: line.count,
                medianMinutes: line.median,
                medianError: line.medianError
            )
        }
        operationErrors = errors
    }

    // MARK: - For people

    /// The report as Markdown, for a process engineer.
    package var markdown: String {
        var lines = ["# Quality report", ""]
        lines += verdict
        lines += ["", "## Routings", ""]
        lines += [
            "Each part was held out and a routing proposed for it. *Similarity* is 1 - edits / longer length. *Random parts* and *one routing*",
            "are the floors: what chance gives, and one fixed routing for every part. A model that does not lie above both is of no use.",
            "",
            "| parts held out | parts | proposal by | similarity | right as it is | at most 1 edit | best of the list |",
            "|---|---:|---|---:|---:|---:|---:|",
        ]
        for evaluation in evaluations {
            let rows = [
                ("the model", evaluation.model), ("random parts", evaluation.random),
                ("one routing", evaluation.consensus),
            ]
            for (place, (name, scores)) in rows.enumerated() {
                let first = place == 0 ? "**\(Self.words[evaluation.split] ?? "")** | \(scores.parts)" : " | "
                lines.append(
                    "| \(first) | \(name) | \(Self.number(scores.similarity, 3)) | \(Self.percent(scores.exact)) | "
                        + "\(Self.percent(scores.withinOneEdit)) | \(Self.number(scores.bestOfAlternatives, 3)) |"
                )
            }
        }
        for split in Evaluation.Split.allCases {
            guard let why = notMade?[split.rawValue] else { continue }
            lines += ["", "Not held out, \(Self.words[split] ?? ""): \(why)."]
        }
        if let first = evaluations.first {
            lines += [
                "",
                "Edits that a proposal needed (\(Self.words[first.split] ?? "")): \(Self.distribution(first.model)).",
                "",
            ]
        }
        lines += ["## Minutes for each piece", ""]
        lines += [
            "*Median error* is the one to read; the mean is blown up by small times. The interval is to hold four times of five.",
            "",
            "| parts held out | times by | times | median error | mean error | mean minutes off | weighted error | within the interval | median error of the part's total | left out |",
            "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for evaluation in evaluations {
            let rows = [
                ("the model", evaluation.model), ("random parts", evaluation.random),
                ("one routing", evaluation.consensus),
            ]
            for (place, (name, scores)) in rows.enumerated() {
                let times = scores.operationTimes
                lines.append(
                    "| \(place == 0 ? "**\(Self.words[evaluation.split] ?? "")**" : "") | \(name) | \(times.count) | "
                        + "\(Self.error(times.medianAPE, 1)) | \(Self.error(times.meanAPE, 0)) | "
                        + "\(Self.number(times.meanAbsolute, 2)) | \(Self.error(times.weightedAPE, 1)) | "
                        + "\(place == 0 ? Self.error(times.coverage, 1) : "") | "
                        + "\(Self.error(scores.totalTimes.medianAPE, 1)) | \(times.excluded) |"
                )
            }
        }
        lines += operationLines + presetLines + featureLines + findingLines
        return lines.joined(separator: "\n") + "\n"
    }

    private static let words: [Evaluation.Split: String] = [
        .heldOut: "drawn at random", .leaveOneOut: "each by itself", .byTime: "the newest", .newFamily: "whole groups",
    ]

    private var verdict: [String] {
        guard let held = evaluations.first(where: { $0.split == .heldOut }) ?? evaluations.first else {
            return ["Too few parts to hold any out: nothing is known of its quality."]
        }
        let floor = max(held.random.similarity, held.consensus.similarity)
        let gain = held.model.similarity - floor
        var lines = [
            "Trained on \(parts) parts; of \(held.model.parts) held out, \(Self.percent(held.model.withinOneEdit)) got a routing that needs one edit "
                + "at most, and \(held.model.operationTimes.words)."
        ]
        if gain < 0.05 {
            let place = "\(Self.number(abs(gain), 3)) \(gain < 0 ? "below" : "above")"
            let use = gain > 0 ? "" : " It is of no use here."
            lines += [
                "",
                "**Similar parts tell little here.** The model lies \(place) the better floor.\(use) Parts need attributes that decide how they "
                    + "are made (sizes, material, surface, holes): map them, and train again.",
            ]
        }
        return lines
    }

    private var operationLines: [String] {
        var lines = [
            "", "### By operation", "",
            "| operation | times | median minutes | median error |", "|---|---:|---:|---:|",
        ]
        for (code, name) in zip(operations.codes, operations.names) {
            guard let error = operationErrors[code] else { continue }
            lines.append(
                "| \(Self.cell(name == code ? code : "\(code) \(name)")) | \(error.times) | \(Self.number(error.medianMinutes, 2)) | "
                    + "\(Self.error(error.medianError, 0)) |"
            )
        }
        return lines
    }

    private var presetLines: [String] {
        guard !presets.isEmpty else { return [] }
        let rows = presets.map { "| \($0.name) | \($0.ef) | \(Self.percent($0.recall, 2)) |" }
        return ["", "## The index", "", "| preset | ef_search | true neighbours found |", "|---|---:|---:|"] + rows
    }

    private var featureLines: [String] {
        let ordered = weights.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
        var lines = ["", "## What makes parts alike", "", "| attribute | weight |", "|---|---:|"]
        lines += ordered.map { "| \(Self.cell($0.key)) | \(Self.number($0.value, 2)) |" }
        lines += leftOut.sorted { $0.key < $1.key }.map { "\nNot used: \(Self.cell($0.key)), \($0.value)." }
        return lines
    }

    private var findingLines: [String] {
        var lines = ["", "## What the data lacked", ""]
        lines.append(
            "Routings of \(preparation.fromMaster) parts come from the routing table, of \(preparation.fromResults) from reported work. Times beyond "
                + "\(Self.number(preparation.zLimit, 1)) standard deviations of their logarithm are not used; statistics leave out "
                + "\(Self.number(preparation.trimPercent, 1)) % at each end."
        )
        let found = PreparationReport.Finding.allCases.compactMap { kind in
            preparation.findings[kind].map { "- \($0) \(kind.rawValue)" }
        }
        let lost = (lacked ?? []).map { "- `\($0.replacing("`", with: "'"))`" }
        return lines + [""] + (found.isEmpty && lost.isEmpty ? ["Nothing was left out."] : found + lost)
    }

    private static func distribution(_ scores: Scores) -> String {
        let last = scores.edits.indices.last ?? 0
        return scores.edits.enumerated().filter { $0.element > 0 }
            .map { "\($0.element) x \($0.offset)\($0.offset == last ? " or more" : "")" }.joined(separator: ", ")
    }

    /// Text in a cell of a table, which no control character of it can break.
    private static func cell(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar -> Unicode.Scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .lineSeparator, .paragraphSeparator, .format: " "
                    default: scalar
                    }
                }
            )
        ).replacingOccurrences(of: "|", with: "\\|")
    }

    private static func percent(_ share: Double, _ digits: Int = 0) -> String { "\(number(share * 100, digits)) %" }

    private static func error(_ percent: Double?, _ digits: Int) -> String {
        guard let percent, percent.isFinite else { return "-" }
        return "\(number(percent, digits)) %"
    }

    /// A measure as text, whatever it is; a dash for none.
    package static func number(_ value: Double?, _ digits: Int) -> String {
        guard let value, value.isFinite else { return "-" }
        return String(format: abs(value) < 1e9 ? "%.\(digits)f" : "%.1e", value)
    }
}

extension Scores.Times {
    /// How well minutes were told, for people; says so where none were compared, as a report of before does with zeros.
    package var words: String {
        guard count > 0, let medianAPE else { return "no minutes of held-out parts are known" }
        guard medianAPE.isFinite else { return "half of the minutes were told beyond all bounds" }
        return "half of the minutes were told within \(QualityReport.number(medianAPE, 0)) %"
    }
}
