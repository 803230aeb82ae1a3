/// Reads a pickle of protocol 2 to 5 into data.
///
/// It builds and never calls: names are compared with a list, and that is all.
///
/// Every length is compared with the bytes that are left before anything of that size is made, and instructions are counted, so the
/// values of a file cost memory in proportion to its size, as it lies on the disk. joblib's array bytes, which stand between the instructions, are read as it writes them.
struct PickleMachine {
    let bytes: [UInt8]
    var offset = 0
    var arena = PickleArena()
    var frame = Frame()
    /// Bytes that instructions may still copy out of what was read before, so that no short file makes a large value.
    var copies: Int
    /// Instructions that may still be done: an empty list has one byte in a file, or less than one in a compressed one, and a hundred here.
    private var instructions: Int
    private var depth = 0

    /// What belongs to one pickle; an array of objects brings its own.
    struct Frame {
        var stack: [PickleValue] = []
        var marks: [Int] = []
        var memo: [Int: PickleValue] = [:]
        var isNested = false
    }

    /// A machine for content that came out of a file of `packed` bytes.
    init(_ bytes: [UInt8], packed: Int) {
        self.bytes = bytes
        instructions = 1 << 18 + 16 * packed
        copies = 4 * bytes.count + 65_536
    }

    /// The value of the whole file; throws ``LegacyFault`` `refused` or `damaged`, or where bytes follow its end.
    mutating func document() throws(LegacyFault) -> PickleValue {
        let value = try pickle()
        guard offset == bytes.count else { throw .damaged("bytes after the end", at: offset) }
        return value
    }

    /// One pickle up to its STOP.
    private mutating func pickle() throws(LegacyFault) -> PickleValue {
        guard try byte() == Opcode.proto.rawValue, case 2...5 = try byte() else {
            throw .damaged("no pickle of protocol 2 to 5", at: max(0, offset - 2))
        }
        while true {
            let place = offset
            let code = try byte()
            guard let opcode = Opcode(rawValue: code) else { throw refusal(of: code, at: place) }
            if opcode == .stop {
                let value = try pop()
                guard frame.stack.isEmpty, frame.marks.isEmpty else { throw .damaged("values left over", at: place) }
                return value
            }
            guard instructions > 0 else { throw .damaged("more instructions than a file of its size has", at: place) }
            instructions -= 1
            try step(opcode)
        }
    }

    /// The pickle of an array of objects, which joblib writes with Python's own pickler: one of its own, without joblib's arrays.
    mutating func nested() throws(LegacyFault) -> PickleValue {
        let outer = frame
        frame = Frame(isNested: true)
        let value = try pickle()
        frame = outer
        return value
    }

    private mutating func step(_ opcode: Opcode) throws(LegacyFault) {
        switch opcode {
        case .none, .newTrue, .newFalse, .binInt, .binInt1, .binInt2, .long1, .long4, .binFloat, .shortBinUnicode,
            .binUnicode, .binUnicode8, .shortBinBytes, .binBytes, .binBytes8, .byteArray8:
            push(try literal(opcode))
        case .emptyList, .emptyTuple, .emptyDict, .emptySet, .list, .tuple, .tuple1, .tuple2, .tuple3, .dict,
            .frozenSet,
            .append, .appends, .setItem, .setItems, .addItems:
            try collection(opcode)
        case .binPut, .longBinPut, .memoize, .binGet, .longBinGet: try memory(opcode)
        case .mark: frame.marks.append(frame.stack.count)
        case .pop: if frame.stack.count > (frame.marks.last ?? 0) { _ = try pop() } else { _ = try popMark() }
        case .popMark: _ = try popMark()
        case .dup: push(try top())
        case .frame: _ = try length(8)
        case .global, .stackGlobal: try name(opcode)
        case .reduce: try reduce()
        case .newObj: try newObject()
        case .build: try build()
        case .proto, .stop: throw .damaged("an instruction that stands at an end only", at: offset - 1)
        }
    }

    private mutating func literal(_ opcode: Opcode) throws(LegacyFault) -> PickleValue {
        switch opcode {
        case .newTrue: .truth(true)
        case .newFalse: .truth(false)
        case .binInt: .integer(Int(Int32(truncatingIfNeeded: try unsigned(4))))
        case .binInt1: .integer(Int(try byte()))
        case .binInt2: .integer(Int(try unsigned(2)))
        case .long1: .integer(try long(Int(try byte())))
        case .long4: .integer(try long(try length(4)))
        case .binFloat: .number(try float())
        case .shortBinUnicode: .text(try text(try length(1)))
        case .binUnicode: .text(try text(try length(4)))
        case .binUnicode8: .text(try text(try length(8)))
        case .shortBinBytes: .bytes(try take(try length(1)))
        case .binBytes: .bytes(try take(try length(4)))
        case .binBytes8, .byteArray8: .bytes(try take(try length(8)))
        default: .none
        }
    }

    private mutating func collection(_ opcode: Opcode) throws(LegacyFault) {
        switch opcode {
        case .emptyList: push(arena.add(.list([])))
        case .emptyTuple: push(arena.add(.tuple([])))
        case .emptyDict: push(arena.add(.dictionary([])))
        case .emptySet: push(arena.add(.set([])))
        case .list: push(arena.add(.list(try popMark())))
        case .tuple: push(arena.add(.tuple(try popMark())))
        case .frozenSet: push(arena.add(.set(try popMark())))
        case .tuple1, .tuple2, .tuple3:
            var parts: [PickleValue] = []
            for _ in 0...(opcode.rawValue - Opcode.tuple1.rawValue) { parts.append(try pop()) }
            push(arena.add(.tuple(parts.reversed())))
        case .dict: push(arena.add(.dictionary(try pairs(try popMark()))))
        case .append: try extend([try pop()])
        case .appends, .addItems: try extend(try popMark())
        case .setItem:
            let value = try pop()
            try extend(pairs: [(try pop(), value)])
        default: try extend(pairs: try pairs(try popMark()))
        }
    }

    private mutating func memory(_ opcode: Opcode) throws(LegacyFault) {
        switch opcode {
        case .binPut: frame.memo[Int(try byte())] = try top()
        case .longBinPut: frame.memo[Int(try unsigned(4))] = try top()
        case .memoize: frame.memo[frame.memo.count] = try top()
        default:
            let place = Int(try unsigned(opcode == .binGet ? 1 : 4))
            guard let value = frame.memo[place] else { throw .damaged("memory \(place), which is empty", at: offset) }
            push(value)
        }
    }

    private mutating func name(_ opcode: Opcode) throws(LegacyFault) {
        let place = offset - 1
        let (module, name): (String, String)
        if opcode == .global {
            (module, name) = (try line(), try line())
        } else {
            guard case .text(let second) = try pop(), case .text(let first) = try pop() else {
                throw .damaged("a name that is no text", at: place)
            }
            (module, name) = (first, second)
        }
        guard let known = PickleName(module: module, name: name) else {
            throw .refused(Self.quoted("\(module).\(name)"), at: place)
        }
        push(arena.add(.name(known)))
    }

    private func pairs(_ flat: [PickleValue]) throws(LegacyFault) -> [(PickleValue, PickleValue)] {
        guard flat.count.isMultiple(of: 2) else { throw .damaged("a key without a value", at: offset) }
        return stride(from: 0, to: flat.count, by: 2).map { (flat[$0], flat[$0 + 1]) }
    }

    private mutating func extend(_ values: [PickleValue]) throws(LegacyFault) {
        guard case .node(let place) = try top() else { throw .damaged("an addition to no list", at: offset) }
        let done = arena.change(place) { node in
            switch node {
            case .list(var parts):
                node = .emptyArray
                parts += values
                node = .list(parts)
            case .set(var parts):
                node = .emptyArray
                parts += values
                node = .set(parts)
            default: return false
            }
            return true
        }
        guard done else { throw .damaged("an addition to no list", at: offset) }
    }

    private mutating func extend(pairs: [(PickleValue, PickleValue)]) throws(LegacyFault) {
        guard case .node(let place) = try top() else { throw .damaged("an entry into no dictionary", at: offset) }
        let done = arena.change(place) { node in
            guard case .dictionary(var entries) = node else { return false }
            node = .emptyArray
            for (key, value) in pairs { entries.append((key: key, value: value)) }
            node = .dictionary(entries)
            return true
        }
        guard done else { throw .damaged("an entry into no dictionary", at: offset) }
    }

    /// A code that is not listed: one of Python's by its name.
    private func refusal(of code: UInt8, at place: Int) -> LegacyFault {
        guard let name = Opcode.unlisted[code] else { return .damaged("the unknown instruction \(code)", at: place) }
        return .refused("the instruction \(name)", at: place)
    }

    /// A name out of a file, fit for a message.
    static func quoted(_ name: String) -> String {
        let clean = String(name.unicodeScalars.prefix(120).map { $0.isASCII && $0.value > 32 ? Character($0) : "?" })
        return clean.isEmpty ? "nothing" : clean
    }
}
