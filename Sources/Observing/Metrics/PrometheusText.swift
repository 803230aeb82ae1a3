/// Writes the text format 0.0.4 of Prometheus, line by line.
struct PrometheusText {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(64 << 10) }

    /// What a family begins with.
    mutating func begin(_ definition: MetricDefinition) {
        put("# HELP \(definition.name) ")
        for byte in definition.meaning.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): put("\\\\")
            case UInt8(ascii: "\n"): put("\\n")
            default: bytes.append(byte)
            }
        }
        put("\n# TYPE \(definition.name) \(definition.kind.rawValue)\n")
    }

    /// One sample.
    mutating func line(
        _ definition: MetricDefinition,
        _ suffix: String = "",
        labels: [String],
        extra: (String, String)? = nil,
        value: Double
    ) {
        put(definition.name)
        put(suffix)
        if !labels.isEmpty || extra != nil {
            var separator = "{"
            for (name, value) in zip(definition.labels, labels) {
                put(separator)
                label(name, value)
                separator = ","
            }
            if let (name, value) = extra {
                put(separator)
                label(name, value)
            }
            put("}")
        }
        put(" ")
        put(Self.number(value))
        put("\n")
    }

    private mutating func label(_ name: String, _ value: String) {
        put(name)
        put("=\"")
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): put("\\\\")
            case UInt8(ascii: "\""): put("\\\"")
            case UInt8(ascii: "\n"): put("\\n")
            default: bytes.append(byte)
            }
        }
        put("\"")
    }

    private mutating func put(_ text: String) { bytes += text.utf8 }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    /// Microseconds in seconds, exactly: `0.00005`, `52.4288`.
    static func seconds(microseconds: Int64) -> String {
        let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        guard rest > 0 else { return "\(whole)" }
        var digits = "\(rest)"
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
