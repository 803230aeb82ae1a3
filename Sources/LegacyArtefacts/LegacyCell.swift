/// One value of a row as scikit-learn sees it.
package enum LegacyCell: Hashable, Sendable {
    case text(String)
    /// A number, or NaN where one is missing. Python's truths are the numbers 1 and 0.
    case number(Double)
    /// Python's `None`.
    case none

    /// As scikit-learn compares categories: NaN is NaN.
    package static func == (left: LegacyCell, right: LegacyCell) -> Bool {
        switch (left, right) {
        case (.text(let left), .text(let right)): left.unicodeScalars.elementsEqual(right.unicodeScalars)
        case (.number(let left), .number(let right)): left == right || (left.isNaN && right.isNaN)
        case (.none, .none): true
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .text(let text): hasher.combine(text)
        case .number(let number): hasher.combine(number.isNaN ? .infinity : number)
        case .none: hasher.combine(0)
        }
    }

    /// A value of a pickle; nil for one with parts.
    init?(_ value: PickleValue) {
        switch value {
        case .none: self = .none
        case .truth(let truth): self = .number(truth ? 1 : 0)
        case .integer(let number): self = .number(Double(number))
        case .number(let number): self = .number(number)
        case .text(let text): self = .text(text)
        case .bytes, .node: return nil
        }
    }

    /// Whether it is what NumPy's and Python's words for a missing value are.
    var isMissing: Bool {
        switch self {
        case .none: true
        case .number(let number): number.isNaN
        case .text: false
        }
    }

    /// The number that NumPy makes of it: NaN of `None`, a text as far as it spells a number.
    var number: Double? {
        switch self {
        case .number(let number): number
        case .none: .nan
        case .text(let text): Double(text.filter { !$0.isWhitespace })
        }
    }

    /// For messages.
    var spelling: String {
        switch self {
        case .text(let text): "\"\(text.prefix(60))\""
        case .number(let number): "\(number)"
        case .none: "None"
        }
    }
}
