extension PickleMachine {
    /// A call by a pickle: of a listed name the data that Python's call would give; anything else is refused.
    mutating func reduce() throws(LegacyFault) {
        let place = offset - 1
        guard let given = arena.elements(try pop()), case .name(let name)? = arena[try pop()] else {
            throw .damaged("a call of what is no name", at: place)
        }
        switch name {
        case .arrayReconstruction:
            guard let first = given.first, case .name(.arrayClass)? = arena[first] else {
                throw .refused("an array of a class other than numpy.ndarray", at: place)
            }
            push(arena.add(.emptyArray))
        case .arrayFromBuffer: try fromBuffer(given, at: place)
        case .elementType: push(arena.add(.elementType(try elementType(given.first, at: place))))
        case .scalar: push(try scalar(given, at: place))
        case .slice where given.count == 3: push(arena.add(.slice(given)))
        case .set where given.count == 1:
            guard let parts = arena.elements(given[0]) else { throw .damaged("a set of no list", at: place) }
            try charge(16 * parts.count)
            push(arena.add(.set(parts)))
        case .orderedDictionary: try orderedDictionary(given, at: place)
        case .textToBytes:
            guard given.count == 2, case .text(let text) = given[0], case .text(let coding) = given[1],
                ["latin1", "latin-1"].contains(coding), text.unicodeScalars.allSatisfy({ $0.value < 256 })
            else { throw .damaged("a text that cannot be bytes", at: place) }
            try charge(text.utf8.count)
            push(.bytes(text.unicodeScalars.map { UInt8($0.value) }))
        default: throw .refused("a call of \(name.spelling)", at: place)
        }
    }

    /// An object without a call of its class: of a listed class a record without attributes.
    mutating func newObject() throws(LegacyFault) {
        let place = offset - 1
        guard let given = arena.elements(try pop()), case .name(let name)? = arena[try pop()] else {
            throw .damaged("an object of what is no class", at: place)
        }
        guard given.isEmpty else { throw .refused("an object of \(name.spelling) with arguments", at: place) }
        switch name {
        case .recordClass(let className): push(arena.add(.record(PickleRecord(className: className))))
        case .joblibArray: push(arena.add(.record(PickleRecord(className: Self.joblibArray))))
        case .orderedDictionary: push(arena.add(.dictionary([])))
        default: throw .refused("an object of \(name.spelling)", at: place)
        }
    }

    /// The state of an object: attributes of a record, the bytes of an array.
    ///
    /// No `__setstate__` is run.
    mutating func build() throws(LegacyFault) {
        let at = offset - 1
        let state = try pop()
        guard case .node(let place) = try top(), let node = arena[.node(place)] else {
            throw .damaged("a state of what has none", at: at)
        }
        switch node {
        case .elementType(let type): arena.replace(place, .elementType(try typed(type, state, at: at)))
        case .emptyArray: arena.replace(place, .array(try filled(state, at: at)))
        case .record(var record):
            guard let members = arena.members(state) else { throw .refused("a state that is no dictionary", at: at) }
            try charge(32 * members.count)
            record.attributes.merge(members) { $1 }
            arena.replace(place, .record(record))
            guard record.className == Self.joblibArray else { return }
            guard !frame.isNested else { throw .damaged("an array of joblib's in a pickle of Python's", at: at) }
            arena.replace(place, .array(try joblibArray(record, at: at)))
        default: throw .refused("a state of a value that has none", at: at)
        }
    }

    private static var joblibArray: String { "NumpyArrayWrapper" }

    private mutating func fromBuffer(_ given: [PickleValue], at place: Int) throws(LegacyFault) {
        guard given.count == 4, case .bytes(let bytes) = given[0], case .elementType(let type)? = arena[given[1]],
            let shape = shape(given[2]), let array = NumpyArray(type, shape: shape, .raw(bytes))
        else { throw .damaged("an array whose bytes do not fit its shape", at: place) }
        push(arena.add(.array(array)))
    }

    private func elementType(_ value: PickleValue?, at place: Int) throws(LegacyFault) -> NumpyType {
        let name: String
        if case .text(let text)? = value {
            name = text
        } else if let value, case .name(.numberType(let text))? = arena[value] {
            name = text
        } else {
            throw .damaged("an element type without a name", at: place)
        }
        guard let type = NumpyType(name) else {
            throw .refused("an array of \(Self.quoted(name))", at: place)
        }
        return type
    }

    private func scalar(_ given: [PickleValue], at place: Int) throws(LegacyFault) -> PickleValue {
        guard given.count == 2, case .elementType(let type)? = arena[given[0]], case .bytes(let bytes) = given[1],
            let cell = NumpyArray(type, shape: [], .raw(bytes))?.only
        else { throw .damaged("a number whose bytes do not fit its type", at: place) }
        switch (cell, type.kind) {
        case (.number(let number), "b"): return .truth(number != 0)
        case (.number(let number), "i"), (.number(let number), "u"):
            return Int(exactly: number).map(PickleValue.integer) ?? .number(number)
        case (.number(let number), _): return .number(number)
        case (.text(let text), _): return .text(text)
        case (.none, _): return .none
        }
    }

    private mutating func orderedDictionary(_ given: [PickleValue], at place: Int) throws(LegacyFault) {
        var entries: [(key: PickleValue, value: PickleValue)] = []
        if let first = given.first {
            guard given.count == 1, let pairs = arena.elements(first) else {
                throw .damaged("a dictionary of no list", at: place)
            }
            try charge(32 * pairs.count)
            for pair in pairs {
                guard let parts = arena.elements(pair), parts.count == 2 else {
                    throw .damaged("a key without a value", at: place)
                }
                entries.append((parts[0], parts[1]))
            }
        }
        push(arena.add(.dictionary(entries)))
    }

    /// `(version, order, subtype, names, fields, …)`: only the order matters of what is imported.
    private func typed(_ type: NumpyType, _ state: PickleValue, at place: Int) throws(LegacyFault) -> NumpyType {
        guard let parts = arena.elements(state), parts.count >= 5, case .text(let order) = parts[1] else {
            throw .damaged("an element type without its state", at: place)
        }
        for part in parts[2...4] {
            guard case .none = part else { throw .refused("an array of structures", at: place) }
        }
        var type = type
        type.isBigEndian = order == ">"
        return type
    }

    /// `(version, shape, type, by columns, data)`.
    private mutating func filled(_ state: PickleValue, at place: Int) throws(LegacyFault) -> NumpyArray {
        guard let parts = arena.elements(state), parts.count == 5, let shape = shape(parts[1]),
            case .elementType(let type)? = arena[parts[2]]
        else { throw .damaged("an array without its state", at: place) }
        let storage: NumpyArray.Storage
        if case .bytes(let bytes) = parts[4] {
            storage = .raw(bytes)
        } else if let values = arena.elements(parts[4]) {
            storage = .objects(values)
        } else {
            throw .damaged("an array without its data", at: place)
        }
        guard let array = NumpyArray(type, shape: shape, storage) else {
            throw .damaged("an array whose data do not fit its shape", at: place)
        }
        return array
    }

    /// The array that follows its description in a joblib file: padding and raw bytes, or a pickle of objects.
    private mutating func joblibArray(_ record: PickleRecord, at place: Int) throws(LegacyFault) -> NumpyArray {
        guard let typeValue = record.attributes["dtype"], case .elementType(let type)? = arena[typeValue],
            let shapeValue = record.attributes["shape"], let shape = shape(shapeValue),
            let count = NumpyArray.count(shape)
        else { throw .damaged("an array without its description", at: place) }
        guard let family = record.attributes["subclass"], case .name(.arrayClass)? = arena[family] else {
            throw .refused("an array of a class other than numpy.ndarray", at: place)
        }
        if type.kind == "O" {
            // First the value, then the arena that it lies in.
            let value = try nested()
            guard let array = arena.array(value), array.shape == shape, array.type.kind == "O" else {
                throw .damaged("objects that are not those of the array", at: place)
            }
            return array
        }
        if case .integer(let alignment)? = record.attributes["numpy_array_alignment_bytes"] {
            let padding = Int(try byte())
            guard padding <= alignment else { throw .damaged("padding of \(padding) bytes", at: offset) }
            _ = try take(padding)
        }
        let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
        guard !overflow, let array = NumpyArray(type, shape: shape, .raw(try take(size))) else {
            throw .damaged("an array larger than the file", at: place)
        }
        return array
    }

    private func shape(_ value: PickleValue) -> [Int]? {
        guard let parts = arena.elements(value), parts.count <= 32 else { return nil }
        let sizes = parts.compactMap { part in
            if case .integer(let size) = part { size } else { nil as Int? }
        }
        return sizes.count == parts.count ? sizes : nil
    }

    /// Takes bytes from what a file may still copy; throws where nothing is left.
    private mutating func charge(_ count: Int) throws(LegacyFault) {
        guard count <= copies else { throw .damaged("more copies than the file has bytes", at: offset) }
        copies -= count
    }
}

extension PickleName {
    /// The name for a message.
    var spelling: String {
        switch self {
        case .recordClass(let name), .numberType(let name): name
        case .joblibArray: "NumpyArrayWrapper"
        default: "\(self)"
        }
    }
}
