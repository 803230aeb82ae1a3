internal import EventStore
internal import RoutingDomain

/// Writes the fixed-width texts of the envelope into a buffer, without making a `String` per event.
enum TextForm {
    /// 27 bytes, `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
    static func time(_ instant: Microseconds, into place: UnsafeMutablePointer<UInt8>) {
        let day = instant >= 0 ? instant / 86_400_000_000 : -((86_399_999_999 - instant) / 86_400_000_000)
        let rest = Int(instant - day * 86_400_000_000)
        let (year, month, dayOfMonth) = CivilTime.date(ofDay: day)
        var next = place
        func put(_ number: Int, _ width: Int, _ separator: UInt8) {
            var value = number
            for index in stride(from: width - 1, through: 0, by: -1) {
                next[index] = UInt8(ascii: "0") + UInt8(value % 10)
                value /= 10
            }
            next[width] = separator
            next += width + 1
        }
        put(year, 4, UInt8(ascii: "-"))
        put(month, 2, UInt8(ascii: "-"))
        put(dayOfMonth, 2, UInt8(ascii: "T"))
        put(rest / 3_600_000_000, 2, UInt8(ascii: ":"))
        put(rest / 60_000_000 % 60, 2, UInt8(ascii: ":"))
        put(rest / 1_000_000 % 60, 2, UInt8(ascii: "."))
        put(rest % 1_000_000, 6, UInt8(ascii: "Z"))
    }

    /// 36 bytes, an identifier of 16 bytes in lower case.
    static func identifier(_ bytes: UnsafeBufferPointer<UInt8>, into place: UnsafeMutablePointer<UInt8>) {
        var next = place
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                next.pointee = UInt8(ascii: "-")
                next += 1
            }
            next[0] = digit(bytes[index] >> 4)
            next[1] = digit(bytes[index] & 15)
            next += 2
        }
    }

    /// The hexadecimal digit of a number below 16.
    static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

/// Memory that keeps its place until it is asked to hold more.
struct Buffer<Element: BitwiseCopyable>: ~Copyable {
    private(set) var start: UnsafeMutablePointer<Element>
    private(set) var capacity: Int

    init(capacity: Int) {
        start = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { start.deallocate() }

    /// Makes room for `count` elements and keeps those already there; pointers into it are then no longer valid.
    mutating func reserve(_ count: Int) {
        guard count > capacity else { return }
        let wider = UnsafeMutablePointer<Element>.allocate(capacity: count * 2)
        wider.update(from: start, count: capacity)
        start.deallocate()
        start = wider
        capacity = count * 2
    }
}
