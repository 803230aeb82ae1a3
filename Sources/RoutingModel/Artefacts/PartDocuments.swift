package import CanonicalJSON
package import PlantTables

extension PlantTable {
    /// The rows as JSON objects by the text of a column, missing values left out; a row without that text is left out.
    package func documents(by key: String) -> [String: JSONValue] {
        guard let names = texts(key) else { return [:] }
        var documents: [String: JSONValue] = [:]
        for row in 0..<rowCount {
            guard let name = names[row] else { continue }
            var members: [String: JSONValue] = [:]
            for (column, values) in columns {
                switch values {
                case .texts(let texts): members[column] = texts[row].map { .string($0) }
                case .numbers(let numbers) where !numbers[row].isNaN: members[column] = .decimal("\(numbers[row])")
                case .truths(let truths) where truths[row] >= 0: members[column] = .bool(truths[row] == 1)
                default: break
                }
            }
            documents[name] = .object(members)
        }
        return documents
    }
}
