internal import Foundation

extension QualityReport {
    /// The report in a version's folder; nil where there is none.
    ///
    /// Throws `damaged` for one that this program did not write.
    package static func read(_ folder: String) throws -> QualityReport? {
        guard FileManager.default.fileExists(atPath: "\(folder)/\(ModelFiles.quality)") else { return nil }
        return try ModelFiles.value(QualityReport.self, in: folder, ModelFiles.quality)
    }

    /// The evaluation on parts that were held out at random, or the first where there is none such.
    package var heldOut: Evaluation? { evaluations.first { $0.split == .heldOut } ?? evaluations.first }
}
