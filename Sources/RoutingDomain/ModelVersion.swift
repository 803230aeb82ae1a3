/// The version of a model: a date and a build number, `YYYY.MM.DD_build`, for example `2025.09.15_1`.
///
/// Ordered by date, then by build number (not by text: `_10` comes after `_9`). The date must exist in the calendar.
package struct ModelVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The year, 1 to 9999.
    package let year: Int
    /// The month, 1 to 12.
    package let month: Int
    /// The day of the month, from 1.
    package let day: Int
    /// The build of that day, 1 to 999,999.
    package let build: Int

    /// A version of checked parts; nil for a date that does not exist or a build outside 1...999,999.
    package init?(year: Int, month: Int, day: Int, build: Int) {
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard 1...9999 ~= year, 1...12 ~= month, 1...days[month - 1] ~= day, 1...999_999 ~= build else { return nil }
        (self.year, self.month, self.day, self.build) = (year, month, day, build)
    }

    /// Reads `^\d{4}\.\d{2}\.\d{2}_[1-9]\d{0,5}$`, ASCII digits only; nil for anything else.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard 12...17 ~= bytes.count, bytes[4] == UInt8(ascii: "."), bytes[7] == UInt8(ascii: "."),
            bytes[10] == UInt8(ascii: "_"), bytes[11] != UInt8(ascii: "0")
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in bytes[range] {
                guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let build = number(11..<bytes.count)
        else { return nil }
        self.init(year: year, month: month, day: day, build: build)
    }

    package var description: String {
        func padded(_ number: Int, _ width: Int) -> String {
            String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
        }
        return "\(padded(year, 4)).\(padded(month, 2)).\(padded(day, 2))_\(build)"
    }

    /// The next build of the same day; nil after build 999,999.
    package var next: ModelVersion? { ModelVersion(year: year, month: month, day: day, build: build + 1) }

    package static func < (left: ModelVersion, right: ModelVersion) -> Bool {
        (left.year, left.month, left.day, left.build) < (right.year, right.month, right.day, right.build)
    }
}
