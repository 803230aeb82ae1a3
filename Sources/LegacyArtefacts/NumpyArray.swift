/// The type of an array's elements, as NumPy writes it: a kind, a size, a byte order.
struct NumpyType: Sendable, Equatable {
    /// `f` number, `i` integer, `u` unsigned, `b` truth, `U` text, `O` object.
    let kind: Character
    /// Bytes of one element.
    var size: Int
    var isBigEndian = false

    /// From `f8`, `<i4`, `U12`, `float32`; nil for kinds that are not imported.
    init?(_ name: String) {
        var text = name[...]
        if let order = text.first, "<>|=".contains(order) {
            isBigEndian = order == ">"
            text = text.dropFirst()
        }
        if let known = Self.byName[String(text)] { text = known[...] }
        guard let kind = text.first, let number = Int(text.dropFirst()), text.dropFirst().allSatisfy(\.isNumber) else {
            return nil
        }
        self.kind = kind
        switch (kind, number) {
        case ("f", 2), ("f", 4), ("f", 8), ("b", 1), ("O", 8): size = number
        case ("i", 1), ("i", 2), ("i", 4), ("i", 8), ("u", 1), ("u", 2), ("u", 4), ("u", 8): size = number
        case ("U", 0...1_000_000): size = 4 * number
        default: return nil
        }
    }

    private static let byName = [
        "float16": "f2", "float32": "f4", "float64": "f8", "int8": "i1", "int16": "i2", "int32": "i4", "int64": "i8",
        "uint8": "u1", "uint16": "u2", "uint32": "u4", "uint64": "u8", "bool": "b1", "bool_": "b1", "object_": "O8",
        "str_": "U0", "O": "O8",
    ]
}

/// An array of NumPy: its bytes or, of objects, its values.
struct NumpyArray: Sendable {
    enum Storage: Sendable {
        case raw([UInt8])
        case objects([PickleValue])
    }

    let type: NumpyType
    let shape: [Int]
    let storage: Storage

    /// An array whose storage fits its shape; nil where it does not.
    init?(_ type: NumpyType, shape: [Int], _ storage: Storage) {
        // Elements without bytes would cost nothing in a file, however many.
        guard let count = Self.count(shape), type.size > 0 || count == 0 else { return nil }
        switch storage {
        case .raw(let bytes):
            let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
            guard type.kind != "O", !overflow, bytes.count == size else { return nil }
        case .objects(let values):
            guard type.kind == "O", values.count == count else { return nil }
        }
        (self.type, self.shape, self.storage) = (type, shape, storage)
    }

    /// The elements of a shape; nil for a negative size or more than fit a number.
    static func count(_ shape: [Int]) -> Int? {
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard size >= 0, !overflow else { return nil }
            count = product
        }
        return count
    }

    /// The elements of a row of values as cells; nil for more dimensions, or objects that are no cells.
    var cells: [LegacyCell]? {
        guard shape.count == 1 else { return nil }
        switch storage {
        case .objects(let values):
            let cells = values.compactMap(LegacyCell.init)
            return cells.count == values.count ? cells : nil
        case .raw(let bytes):
            let cells = (0..<shape[0]).compactMap { cell(bytes[($0 * type.size)..<(($0 + 1) * type.size)]) }
            return cells.count == shape[0] ? cells : nil
        }
    }

    /// The only element of a scalar; nil for a value that is none.
    var only: LegacyCell? {
        guard case .raw(let bytes) = storage, Self.count(shape) == 1 else { return nil }
        return cell(bytes[...])
    }

    private func cell(_ bytes: ArraySlice<UInt8>) -> LegacyCell? {
        guard type.kind != "U" else { return text(bytes) }
        var word: UInt64 = 0
        for byte in type.isBigEndian ? Array(bytes) : bytes.reversed() { word = word << 8 | UInt64(byte) }
        switch (type.kind, type.size) {
        case ("f", 8): return .number(Double(bitPattern: word))
        case ("f", 4): return .number(Double(Float(bitPattern: UInt32(word))))
        case ("f", 2): return .number(half(UInt16(word)))
        case ("b", _): return word < 2 ? .number(Double(word)) : nil
        case ("u", _): return .number(Double(word))
        case ("i", let size):
            let shift = UInt64(64 - 8 * size)
            return .number(Double(Int64(bitPattern: word << shift) >> Int64(shift)))
        default: return nil
        }
    }

    /// A text of 32-bit characters, filled up with zeros.
    private func text(_ bytes: ArraySlice<UInt8>) -> LegacyCell? {
        var scalars = String.UnicodeScalarView()
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 4) {
            let four = bytes[start..<start + 4]
            var word: UInt32 = 0
            for byte in type.isBigEndian ? Array(four) : four.reversed() { word = word << 8 | UInt32(byte) }
            guard let scalar = Unicode.Scalar(word) else { return nil }
            scalars.append(scalar)
        }
        while scalars.last?.value == 0 { scalars.removeLast() }
        return .text(String(scalars))
    }

    /// A number of 16 bits; spelt out, as not every machine has the type.
    private func half(_ bits: UInt16) -> Double {
        let sign: Double = bits & 0x8000 == 0 ? 1 : -1
        let (exponent, fraction) = (Int(bits >> 10 & 31), Double(bits & 1023))
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * (1 + fraction / 1024) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
        }
    }
}
