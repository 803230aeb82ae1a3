/// A strict reader of the text format 0.0.4, written from its description alone.
package enum ScrapeReader {
    /// The line that is not by the letter.
    package struct Fault: Error { package let line: String }

    /// One number.
    package struct Sample {
        package let name: String
        package let labels: [String: String]
        package let value: Double
    }

    /// What stands between one `# TYPE` and the next.
    package struct Family {
        package var type = ""
        package var help: String?
        package var samples: [Sample] = []
    }

    /// The families by name; throws at the first line that is not by the letter.
    package static func read(_ text: String) throws -> [String: Family] {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Fault(line: "the end") }
        var families: [String: Family] = [:]
        var current: String?
        for line in text.split(separator: "\n") {
            let line = String(line)
            if line.hasPrefix("# HELP ") {
                let words = line.split(separator: " ", maxSplits: 3)
                guard words.count == 4, families[String(words[2])] == nil else { throw Fault(line: line) }
                current = String(words[2])
                families[String(words[2])] = Family(help: String(words[3]))
            } else if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                guard words.count == 4, ["counter", "gauge", "histogram", "summary"].contains(words[3]) else {
                    throw Fault(line: line)
                }
                let name = String(words[2])
                guard families[name]?.type ?? "" == "", current == nil || current == name || families[name] == nil
                else {
                    throw Fault(line: line)
                }
                families[name, default: Family()].type = String(words[3])
                current = name
            } else {
                let sample = try sample(line)
                guard let name = current, let family = families[name], !family.type.isEmpty,
                    fits(sample, name, family.type),
                    !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels })
                else { throw Fault(line: line) }
                families[name]?.samples.append(sample)
            }
        }
        for family in families.values where family.type == "histogram" { try check(family) }
        return families
    }

    private static func fits(_ sample: Sample, _ family: String, _ type: String) -> Bool {
        let suffix = sample.name.dropFirst(family.count)
        guard sample.name.hasPrefix(family) else { return false }
        return switch type {
        case "histogram": suffix == "_bucket" ? sample.labels["le"] != nil : ["_sum", "_count"].contains(suffix)
        case "summary": suffix.isEmpty ? sample.labels["quantile"] != nil : ["_sum", "_count"].contains(suffix)
        default: suffix.isEmpty
        }
    }

    private static func check(_ family: Family) throws {
        func rest(_ sample: Sample) -> [String: String] { sample.labels.filter { $0.key != "le" } }
        for (labels, samples) in Dictionary(grouping: family.samples, by: rest) {
            var last = (-Double.infinity, -1.0)
            for bucket in samples where bucket.labels["le"] != nil {
                let text = bucket.labels["le"] ?? ""
                let bound = text == "+Inf" ? Double.infinity : Double(text) ?? .nan
                guard bound > last.0, bucket.value >= last.1 else { throw Fault(line: "\(labels) \(bound)") }
                last = (bound, bucket.value)
            }
            let count = samples.first { $0.name.hasSuffix("_count") }?.value
            guard last.0 == .infinity, count == last.1 else { throw Fault(line: "\(labels): the last bucket is all") }
        }
    }

    private static func sample(_ line: String) throws -> Sample {
        var rest = Substring(line)
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
        guard let first = name.first, !first.isNumber else { throw Fault(line: line) }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while true {
                let key = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
                rest = rest.dropFirst(key.count)
                guard !key.isEmpty, rest.hasPrefix("=\""), labels[String(key)] == nil else { throw Fault(line: line) }
                rest = rest.dropFirst(2)
                labels[String(key)] = try value(&rest, line)
                if rest.first == "," {
                    rest = rest.dropFirst()
                    continue
                }
                guard rest.first == "}" else { throw Fault(line: line) }
                rest = rest.dropFirst()
                break
            }
        }
        guard rest.first == " " else { throw Fault(line: line) }
        let text = rest.dropFirst()
        let number =
            text == "+Inf" ? Double.infinity : text == "-Inf" ? -.infinity : text == "NaN" ? .nan : Double(text)
        guard let number else { throw Fault(line: line) }
        return Sample(name: String(name), labels: labels, value: number)
    }

    private static func value(_ rest: inout Substring, _ line: String) throws -> String {
        var text = ""
        while let letter = rest.popFirst() {
            switch letter {
            case "\"": return text
            case "\\":
                switch rest.popFirst() {
                case "\\": text += "\\"
                case "\"": text += "\""
                case "n": text += "\n"
                default: throw Fault(line: line)
                }
            default: text.append(letter)
            }
        }
        throw Fault(line: line)
    }
}
