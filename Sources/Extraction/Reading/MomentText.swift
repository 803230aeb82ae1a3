/// Moments out of texts, by hand: a driver shows days that no calendar has.
enum MomentText {
    /// Microseconds since 1970 as the wall clock shows them; nil for what is no moment.
    ///
    /// `2012-01-29 23:24:00`, with or without time, seconds and their fraction; `-`, `/` or `.` between, `T` or a blank before the
    /// time, and `20120129`. A time zone at the end is refused, as it would be lost.
    static func read(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        var reader = Reader(text)
        reader.skipBlanks()
        guard let year = reader.number(exactly: 4) else { return nil }
        let month: Int
        let day: Int
        if let sign = reader.peek, sign == 0x2d || sign == 0x2f || sign == 0x2e {
            reader.place += 1
            guard let one = reader.number(upTo: 2), reader.take(sign), let other = reader.number(upTo: 2) else {
                return nil
            }
            (month, day) = (one, other)
        } else {
            guard let one = reader.number(exactly: 2), let other = reader.number(exactly: 2) else { return nil }
            (month, day) = (one, other)
        }
        guard (1...12).contains(month), day >= 1, day <= days(month, year), (1...9999).contains(year) else {
            return nil
        }
        let midnight = Int64(number(ofDay: day, month, year)) * 86_400_000_000
        let isTimed = reader.take(0x54)
        reader.skipBlanks()
        if reader.isAtEnd { return isTimed ? nil : midnight }
        guard let time = reader.time() else { return nil }
        reader.skipBlanks()
        return reader.isAtEnd ? midnight + time : nil
    }

    private static func days(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days since 1970-01-01 in the Gregorian calendar: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func number(ofDay day: Int, _ month: Int, _ year: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private struct Reader {
        let text: UnsafeBufferPointer<UInt8>
        var place = 0

        init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

        var isAtEnd: Bool { place >= text.count }
        var peek: UInt8? { place < text.count ? text[place] : nil }

        mutating func skipBlanks() { while peek == 0x20 { place += 1 } }

        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            place += 1
            return true
        }

        mutating func number(upTo limit: Int) -> Int? {
            var (value, count) = (0, 0)
            while count < limit, let byte = peek, byte &- 0x30 <= 9 {
                value = value * 10 + Int(byte &- 0x30)
                count += 1
                place += 1
            }
            return count > 0 ? value : nil
        }

        mutating func number(exactly count: Int) -> Int? {
            let start = place
            guard let value = number(upTo: count), place - start == count else { return nil }
            return value
        }

        /// Microseconds since midnight.
        mutating func time() -> Int64? {
            guard let hour = number(upTo: 2), take(0x3a), let minute = number(upTo: 2), hour < 24, minute < 60 else {
                return nil
            }
            var (second, fraction) = (0, 0)
            if take(0x3a) {
                guard let found = number(upTo: 2), found < 60 else { return nil }
                second = found
                if take(0x2e) {
                    let start = place
                    guard let digits = number(upTo: 6) else { return nil }
                    fraction = digits
                    for _ in (place - start)..<6 { fraction *= 10 }
                    // Finer than a microsecond.
                    while let byte = peek, byte &- 0x30 <= 9 { place += 1 }
                }
            }
            return Int64((hour * 60 + minute) * 60 + second) * 1_000_000 + Int64(fraction)
        }
    }
}
