/// The proleptic Gregorian calendar in UTC, without Foundation: hot paths format and read a time per event.
///
/// The day arithmetic is Howard Hinnant's `days_from_civil` and `civil_from_days`.
package enum CivilTime {
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    /// The date of a day counted from 1970-01-01.
    package static func date(ofDay day: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }

    /// The day, counted from 1970-01-01, of a date; the caller has checked that the date exists.
    package static func day(year: Int, month: Int, day: Int) -> Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, for years 0 to 9999.
    package static func text(of microseconds: Int64) -> String {
        let day = floorDivide(microseconds, microsecondsPerDay)
        let rest = microseconds - day * microsecondsPerDay
        let (year, month, dayOfMonth) = date(ofDay: day)
        var buffer: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        return withUnsafeMutableBytes(of: &buffer) { bytes in
            var place = 0
            func put(_ number: Int, _ width: Int, _ separator: UInt8) {
                var value = number
                for index in stride(from: width - 1, through: 0, by: -1) {
                    bytes[place + index] = UInt8(ascii: "0") + UInt8(value % 10)
                    value /= 10
                }
                bytes[place + width] = separator
                place += width + 1
            }
            put(year, 4, UInt8(ascii: "-"))
            put(month, 2, UInt8(ascii: "-"))
            put(dayOfMonth, 2, UInt8(ascii: "T"))
            put(Int(rest / 3_600_000_000), 2, UInt8(ascii: ":"))
            put(Int(rest / 60_000_000 % 60), 2, UInt8(ascii: ":"))
            put(Int(rest / 1_000_000 % 60), 2, UInt8(ascii: "."))
            put(Int(rest % 1_000_000), 6, UInt8(ascii: "Z"))
            return String(decoding: bytes[0..<27], as: UTF8.self)
        }
    }

    /// `YYYY-MM-DD` of the day that holds an instant shifted by an offset from UTC in seconds.
    package static func dayText(of microseconds: Int64, offset seconds: Int) -> String {
        String(text(of: microseconds + Int64(seconds) * 1_000_000).prefix(10))
    }

    /// `HH` of an instant shifted by an offset from UTC in seconds.
    package static func hourText(of microseconds: Int64, offset seconds: Int) -> String {
        String(text(of: microseconds + Int64(seconds) * 1_000_000).dropFirst(11).prefix(2))
    }

    static func microseconds(of text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 27, bytes[26] == UInt8(ascii: "Z"), bytes[10] == UInt8(ascii: "T") else { return nil }
        for (place, separator) in [(4, "-"), (7, "-"), (13, ":"), (16, ":"), (19, ".")] as [(Int, Unicode.Scalar)] {
            guard bytes[place] == UInt8(ascii: separator) else { return nil }
        }
        func number(_ start: Int, _ count: Int, _ range: ClosedRange<Int>) -> Int? {
            var value = 0
            for byte in bytes[start..<start + count] {
                guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return range.contains(value) ? value : nil
        }
        guard let year = number(0, 4, 1...9999), let month = number(5, 2, 1...12), let day = number(8, 2, 1...31),
            ModelVersion(year: year, month: month, day: day, build: 1) != nil,
            let hour = number(11, 2, 0...23), let minute = number(14, 2, 0...59), let second = number(17, 2, 0...59),
            let fraction = number(20, 6, 0...999_999)
        else { return nil }
        let seconds = Int64(hour * 3600 + minute * 60 + second)
        return self.day(year: year, month: month, day: day) * microsecondsPerDay + seconds * 1_000_000 + Int64(fraction)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }
}
