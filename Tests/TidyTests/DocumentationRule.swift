/// Every declaration that another target can see has a documentation comment, unless its words would repeat its name.
///
/// Without words of their own may stand, and only with `package` access: stored properties of a type (the type is
/// documented), initializers that only store their parameters, and members that a documented protocol of ours, or of the
/// standard library, asks for.
struct DocumentationRule {
    /// Names that protocols of this package ask for, and whose meaning is documented there.
    private let requirements: Set<String>

    init(protocolsIn files: [SourceText]) {
        var names: Set<String> = [
            "description", "debugDescription", "hashValue", "errorDescription", "hash", "encode", "makeAsyncIterator",
        ]
        let requirement = /^\s*(?:static\s+|mutating\s+)*(?:func|var|associatedtype)\s+(\w+)/
        for file in files where !file.isTest {
            for (start, line) in file.code.enumerated()
            where line.hasPrefix("package protocol ") || line.hasPrefix("public protocol ") {
                let end = Rules.endOfBody(file.code, from: start) ?? start
                for index in start...end {
                    if let match = file.code[index].firstMatch(of: requirement) { names.insert(String(match.output.1)) }
                }
            }
        }
        requirements = names
    }

    func findings(_ file: SourceText) -> [Finding] {
        guard !file.isTest else { return [] }
        return file.code.enumerated().compactMap { index, line in
            guard let declaration = Declaration(line), !isExempt(declaration, at: index, in: file),
                !isDocumented(index, in: file)
            else { return nil }
            let message = "no documentation comment: \(line.drop { $0 == " " }.prefix(60))"
            return Finding(path: file.path, line: index + 1, message: message)
        }
    }

    private struct Declaration {
        let isPackage: Bool
        let keyword: Substring
        let name: Substring
        let line: String

        init?(_ line: String) {
            // Most lines declare nothing; a look at the first letter spares them the expression below.
            guard let first = line.utf8.first(where: { $0 != UInt8(ascii: " ") }), Array("po@".utf8).contains(first)
            else {
                return nil
            }
            let pattern =
                /^\s*(?:@[\w().]+\s+)*(package|public|open)(?:\s+(?:static|final|mutating|borrowing|consuming|indirect|nonisolated|convenience|lazy|override|private\(set\)|class(?=\s+(?:func|var))))*\s+(struct|class|enum|actor|protocol|func|var|let|init|subscript|typealias|macro)(?:\s+`?(\w+|[=<~>]+)|[?(<])/
            guard let match = line.firstMatch(of: pattern) else { return nil }
            isPackage = match.output.1 == "package"
            keyword = match.output.2
            name = match.output.3 ?? ""
            self.line = line
        }
    }

    private func isExempt(_ declaration: Declaration, at index: Int, in file: SourceText) -> Bool {
        if ["==", "<", "~="].contains(declaration.name) { return true }
        if declaration.name == "description" || declaration.name == "debugDescription" { return true }
        guard declaration.isPackage else { return false }
        switch declaration.keyword {
        case "let": return true
        case "var" where !declaration.line.contains("{"): return true
        case "var", "func", "typealias": return requirements.contains(String(declaration.name))
        case "init":
            if declaration.line.contains(/init\((from|(string|integer|boolean|nil|array|dictionary)Literal)/) {
                return true
            }
            return onlyStores(index, in: file)
        default: return false
        }
    }

    private func onlyStores(_ start: Int, in file: SourceText) -> Bool {
        guard let end = Rules.endOfBody(file.code, from: start) else { return false }
        let decides = /init\?|\b(guard|if|for|while|switch|try|throws|precondition)\b/
        return !file.code[start...end].contains { $0.contains(decides) }
    }

    private func isDocumented(_ index: Int, in file: SourceText) -> Bool {
        var above = index - 1
        while above >= 0, file.code[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
        guard above >= 0 else { return false }
        return file.lines[above].drop { $0 == " " }.hasPrefix("///") || file.lines[above].hasSuffix("*/")
    }
}
