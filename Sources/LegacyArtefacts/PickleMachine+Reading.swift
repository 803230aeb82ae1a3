extension PickleMachine {
    mutating func byte() throws(LegacyFault) -> UInt8 {
        guard offset < bytes.count else { throw .damaged("the end", at: offset) }
        offset += 1
        return bytes[offset - 1]
    }

    /// So many bytes, which must be there.
    mutating func take(_ count: Int) throws(LegacyFault) -> [UInt8] {
        guard count >= 0, count <= bytes.count - offset else {
            throw .damaged("\(count) bytes promised, \(bytes.count - offset) there", at: offset)
        }
        offset += count
        return Array(bytes[offset - count..<offset])
    }

    /// A little-endian number of 1 to 8 bytes.
    mutating func unsigned(_ width: Int) throws(LegacyFault) -> UInt64 {
        var word: UInt64 = 0
        for place in 0..<width { word |= UInt64(try byte()) << (8 * UInt64(place)) }
        return word
    }

    /// A length that follows; one above what is left is refused before anything is made.
    mutating func length(_ width: Int) throws(LegacyFault) -> Int {
        let start = offset
        let length = try unsigned(width)
        guard length <= UInt64(bytes.count - offset) else {
            throw .damaged("\(length) bytes promised, \(bytes.count - offset) there", at: start)
        }
        return Int(length)
    }

    /// A little-endian two's complement number.
    mutating func long(_ width: Int) throws(LegacyFault) -> Int {
        guard width <= 8 else { throw .damaged("an integer of \(width) bytes, more than 8", at: offset) }
        guard width > 0 else { return 0 }
        let shift = UInt64(64 - 8 * width)
        return Int(Int64(bitPattern: try unsigned(width) << shift) >> Int64(shift))
    }

    mutating func float() throws(LegacyFault) -> Double {
        Double(bitPattern: UInt64(bigEndian: try unsigned(8).littleEndian))
    }

    mutating func text(_ count: Int) throws(LegacyFault) -> String {
        let start = offset
        guard let text = String(validating: try take(count), as: UTF8.self) else {
            throw .damaged("a text that is not UTF-8", at: start)
        }
        return text
    }

    /// A text up to the end of its line, as GLOBAL has two of them.
    mutating func line() throws(LegacyFault) -> String {
        guard let end = bytes[offset...].prefix(300).firstIndex(of: UInt8(ascii: "\n")) else {
            throw .damaged("a name without an end", at: offset)
        }
        let text = try text(end - offset)
        offset = end + 1
        return text
    }

    mutating func push(_ value: PickleValue) { frame.stack.append(value) }

    func top() throws(LegacyFault) -> PickleValue {
        guard frame.stack.count > (frame.marks.last ?? 0), let value = frame.stack.last else {
            throw .damaged("a value that is missing", at: offset)
        }
        return value
    }

    mutating func pop() throws(LegacyFault) -> PickleValue {
        let value = try top()
        frame.stack.removeLast()
        return value
    }

    /// All values since the last mark.
    mutating func popMark() throws(LegacyFault) -> [PickleValue] {
        guard let mark = frame.marks.popLast() else { throw .damaged("a mark that is missing", at: offset) }
        let values = Array(frame.stack[mark...])
        frame.stack.removeLast(values.count)
        return values
    }
}

/// The instructions of pickles that are read.
enum Opcode: UInt8 {
    case mark = 0x28, stop = 0x2e, pop = 0x30, popMark = 0x31, dup = 0x32
    case binInt = 0x4a, binInt1 = 0x4b, binInt2 = 0x4d, none = 0x4e, binFloat = 0x47
    case binBytes = 0x42, shortBinBytes = 0x43, binUnicode = 0x58
    case emptyTuple = 0x29, append = 0x61, build = 0x62, global = 0x63, dict = 0x64, appends = 0x65
    case binGet = 0x68, longBinGet = 0x6a, list = 0x6c, binPut = 0x71, longBinPut = 0x72
    case reduce = 0x52, setItem = 0x73, tuple = 0x74, setItems = 0x75, emptyList = 0x5d, emptyDict = 0x7d
    case proto = 0x80, newObj = 0x81, tuple1 = 0x85, tuple2 = 0x86, tuple3 = 0x87
    case newTrue = 0x88, newFalse = 0x89, long1 = 0x8a, long4 = 0x8b
    case shortBinUnicode = 0x8c, binUnicode8 = 0x8d, binBytes8 = 0x8e, emptySet = 0x8f, addItems = 0x90
    case frozenSet = 0x91, stackGlobal = 0x93, memoize = 0x94, frame = 0x95, byteArray8 = 0x96

    /// What Python knows and we do not read, by its name there.
    static let unlisted: [UInt8: String] = [
        0x46: "FLOAT", 0x49: "INT", 0x4c: "LONG", 0x50: "PERSID", 0x51: "BINPERSID", 0x53: "STRING", 0x54: "BINSTRING",
        0x55: "SHORT_BINSTRING", 0x56: "UNICODE", 0x67: "GET", 0x69: "INST", 0x6f: "OBJ", 0x70: "PUT", 0x82: "EXT1",
        0x83: "EXT2", 0x84: "EXT4", 0x92: "NEWOBJ_EX", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER",
    ]
}
