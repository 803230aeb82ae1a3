internal import RoutingDomain

/// Everything about an event type that binding needs, worked out once and then used without texts or dictionaries.
final class TypeRules: Sendable {
    /// A piece of the type's sentence.
    enum SummaryPart {
        case words([UInt8])
        case field(Int, absent: [UInt8])
    }

    let name: String
    let bytes: [UInt8]
    /// Today's schema version; 0 for a type that this program does not know.
    let version: UInt16
    /// The wire names of the payload's fields in the order of canonical JSON, as bytes.
    let names: [[UInt8]]
    /// Whether the field of the same place is an opaque document.
    let isDocument: [Bool]
    /// The place of the field that names the object.
    let objectField: Int?
    let summary: [SummaryPart]

    init(_ name: String) {
        self.name = name
        bytes = Array(name.utf8)
        let schema = EventCatalog.schemas[name]
        version = schema.map { UInt16($0.about.version) } ?? 0
        let fields = (schema?.fields ?? []).sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let places = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($0.element.name, $0.offset) })
        names = fields.map { Array($0.name.utf8) }
        isDocument = fields.map { $0.kind == .document }
        objectField = schema?.about.object.flatMap { places[$0] }
        summary = (schema?.summary.parts ?? []).map { part in
            switch part {
            case .words(let words): return .words(Array(words.utf8))
            case .field(let name, let absent):
                guard let place = places[name] else { return .words(Array(absent.utf8)) }
                return .field(place, absent: Array(absent.utf8))
            }
        }
    }

    /// The source of a parameter of a handler of this type, or nil for a name it does not have.
    func source(of parameter: String) -> BindSource? {
        if let source = BindSource.envelope[parameter] { return source }
        let bytes = Array(parameter.utf8)
        return names.firstIndex(of: bytes).map { .field($0) }
    }
}

/// Finds the rules of a type by the bytes of its name, and gives each type met a small number.
///
/// Belongs to one thread. Types unknown to this program get a number too; there are as many as later programs invented.
final class TypeTable {
    private(set) var rules: [TypeRules] = []
    private var places: [Int32]
    private var mask: Int

    init() {
        places = Array(repeating: -1, count: 256)
        mask = 255
    }

    /// The number of a type, from 0 in order of first meeting.
    func number(of name: UnsafeRawBufferPointer) -> Int {
        var place = Self.hash(name) & mask
        while places[place] >= 0 {
            let number = Int(places[place])
            if rules[number].bytes.elementsEqual(name) { return number }
            place = (place + 1) & mask
        }
        rules.append(TypeRules(String(decoding: name, as: UTF8.self)))
        places[place] = Int32(rules.count - 1)
        if rules.count * 2 > places.count { grow() }
        return rules.count - 1
    }

    private func grow() {
        places = Array(repeating: -1, count: places.count * 2)
        mask = places.count - 1
        for (number, rule) in rules.enumerated() {
            var place = rule.bytes.withUnsafeBytes { Self.hash($0) } & mask
            while places[place] >= 0 { place = (place + 1) & mask }
            places[place] = Int32(number)
        }
    }

    /// FNV-1a.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: hash >> 8)
    }
}
