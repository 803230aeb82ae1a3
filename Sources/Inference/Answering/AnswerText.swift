internal import CanonicalJSON
internal import PlantTables
internal import RoutingModel

/// JSON written byte by byte: the shapes of answers, without a value in between.
struct AnswerText {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    @inline(__always)
    mutating func raw(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func text(_ value: String) { JSONValue.appendCanonical(value, to: &bytes) }

    mutating func text(orNull value: String?) {
        if let value { text(value) } else { raw("null") }
    }

    mutating func integer(_ value: Int) {
        if 0..<10 ~= value { return bytes.append(0x30 + UInt8(value)) }
        bytes.append(contentsOf: "\(value)".utf8)
    }

    mutating func truth(_ value: Bool) { if value { raw("true") } else { raw("false") } }

    /// A finite number of nine significant digits, which read back as the same number; zeros at the end are left out.
    mutating func number(_ value: Float) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.most) { room in
            guard let start = room.baseAddress else { return }
            bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: NumberText.write(value, to: start)))
        }
    }

    /// A number with so many digits after the point, halves away from zero; null for what is not finite.
    mutating func decimal(_ value: Double, _ digits: Int) {
        guard value.isFinite, abs(value) < 1e12 else {
            return value.isFinite ? bytes.append(contentsOf: value.description.utf8) : raw("null")
        }
        let unit = Self.units[digits]
        let scaled = UInt64((abs(value) * Double(unit)).rounded())
        if value < 0, scaled > 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.append(contentsOf: "\(scaled / unit)".utf8)
        guard digits > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var (rest, place) = (scaled % unit, unit / 10)
        while place > 0 {
            bytes.append(0x30 + UInt8(rest / place))
            (rest, place) = (rest % place, place / 10)
        }
    }

    private static let units: [UInt64] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

    mutating func comma(unlessFirst place: Int) { if place > 0 { bytes.append(UInt8(ascii: ",")) } }
}

extension AnswerText {
    /// Parts with their distances, nearest first: written into one piece of memory, whose size is known before.
    mutating func neighbours(_ found: [Neighbour], _ codes: CodeTexts) {
        let (item, distance): (StaticString, StaticString) = ("{\"item\":", ",\"distance\":")
        let each = item.utf8CodeUnitCount + distance.utf8CodeUnitCount + NumberText.most + 2
        let room = found.reduce(2) { $0 + each + codes.length(of: $1.label) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { room in
            guard let start = room.baseAddress else { return }
            var at = start
            func put(_ byte: UInt8) {
                at.pointee = byte
                at += 1
            }
            func put(_ text: StaticString) {
                at.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
                at += text.utf8CodeUnitCount
            }
            put(UInt8(ascii: "["))
            for (place, neighbour) in found.enumerated() {
                if place > 0 { put(UInt8(ascii: ",")) }
                put(item)
                at += codes.write(neighbour.label, to: at)
                put(distance)
                at += NumberText.write(neighbour.distance, to: at)
                put(UInt8(ascii: "}"))
            }
            put(UInt8(ascii: "]"))
            bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: at - start))
        }
    }

    mutating func minutes(_ range: MinutesRange?) {
        guard let range else { return raw("null") }
        raw("{\"expected\":")
        decimal(range.expected, 3)
        raw(",\"low\":")
        decimal(range.low, 3)
        raw(",\"high\":")
        decimal(range.high, 3)
        raw("}")
    }

    mutating func spread(_ spread: TimeSummary.Spread?) {
        guard let spread else { return raw("null") }
        let statistics = spread.statistics
        raw("{\"count\":")
        integer(statistics.count)
        for (name, value) in [
            ("mean", statistics.mean), ("deviation", statistics.deviation), ("least", statistics.least),
            ("p5", spread.tails[0]), ("p10", spread.tails[1]), ("quartile1", statistics.quartile1),
            ("median", statistics.median), ("quartile3", statistics.quartile3), ("p90", spread.tails[2]),
            ("p95", spread.tails[3]), ("greatest", statistics.greatest),
        ] {
            raw(",")
            text(name)
            raw(":")
            decimal(value, 4)
        }
        raw(",\"median_error_percent\":")
        decimal(spread.medianError ?? .nan, 1)
        raw(",\"bins\":[")
        for (place, count) in spread.counts.enumerated() {
            comma(unlessFirst: place)
            raw("{\"from\":")
            decimal(spread.edges[place], 4)
            raw(",\"to\":")
            decimal(spread.edges[place + 1], 4)
            raw(",\"count\":")
            integer(count)
            raw("}")
        }
        raw("]}")
    }
}
