/// Numbers of distances as text, without a string in between.
enum NumberText {
    /// Bytes that a number takes at most.
    static let most = 32

    private static let powers: [Double] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13]

    /// Writes a finite number to nine significant digits, which read back as the same Float; returns how many bytes it took.
    ///
    /// There must be room for ``most``. Below 0.0001, where nine digits take more room, and from 1e9 on it is the language's own spelling.
    @inline(__always)
    static func write(_ value: Float, to start: UnsafeMutablePointer<UInt8>) -> Int {
        let size = Double(abs(value))
        guard size >= 1e-4, size < 1e8 else { return spell(value, to: start) }
        var at = start
        if value < 0 {
            at.pointee = UInt8(ascii: "-")
            at += 1
        }
        var digits = 13
        while digits > 1, size * powers[digits] >= 1e9 { digits -= 1 }
        let scaled = UInt64((size * powers[digits]).rounded())
        let unit = UInt64(powers[digits])
        at += whole(scaled / unit, to: at)
        var rest = scaled % unit
        guard rest > 0 else { return at - start }
        at.pointee = UInt8(ascii: ".")
        var place = digits
        while place > 0, rest.isMultiple(of: 10) { (rest, place) = (rest / 10, place - 1) }
        for slot in stride(from: place, to: 0, by: -1) {
            at[slot] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return at - start + place + 1
    }

    private static func whole(_ number: UInt64, to start: UnsafeMutablePointer<UInt8>) -> Int {
        var (rest, count) = (number, 1)
        while rest >= 10 { (rest, count) = (rest / 10, count + 1) }
        rest = number
        for slot in stride(from: count - 1, through: 0, by: -1) {
            start[slot] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return count
    }

    private static func spell(_ value: Float, to start: UnsafeMutablePointer<UInt8>) -> Int {
        var count = 0
        for byte in (value == 0 ? "0" : value.description).utf8 {
            start[count] = byte
            count += 1
        }
        return count
    }
}
