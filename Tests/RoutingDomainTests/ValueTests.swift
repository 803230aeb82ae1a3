import Foundation
import RoutingDomain
import Testing

@Suite("Values")
struct ValueTests {
    @Test(
        "A version is YYYY.MM.DD_build with a date that exists",
        arguments: [
            "2025.9.15_1", "2025.09.31_1", "2025.02.29_1", "2025.09.15_0", "2025.09.15_01", "2025.09.15_1000000",
            "2025.09.15", "2025.09.15_", "2025.09.15_1\n", "../2025.09.15_1", "２０２５.09.15_1", "2025.09.15_-1", "",
        ]
    )
    func badVersions(text: String) { #expect(ModelVersion(text) == nil) }

    @Test("Versions are ordered by date, then by number, and read back from their text")
    func orderOfVersions() throws {
        let texts = ["2024.02.29_1", "2025.09.14_999999", "2025.09.15_2", "2025.09.15_10", "2025.10.01_1"]
        let versions = try texts.map { try #require(ModelVersion($0)) }
        #expect(versions.shuffled().sorted() == versions)
        #expect(versions.map(\.description) == texts)
    }

    @Test("Times are written and read alike, and agree with Foundation over four centuries")
    func times() throws {
        let formatter = ISO8601DateFormatter()
        formatter.timeZone = TimeZone(identifier: "UTC")
        for day in stride(from: -40_000, to: 100_000, by: 37) {
            let seconds = day * 86_400 + (day * 7919) % 86_400
            let time = Timestamp(microseconds: Int64(seconds) * 1_000_000 + 123_456)
            #expect(
                time.description.prefix(19)
                    == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))).prefix(19)
            )
            #expect(Timestamp(time.description) == time)
        }
        #expect(Timestamp(microseconds: -1).description == "1969-12-31T23:59:59.999999Z")
        for text in ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"] {
            #expect(Timestamp(text)?.description == text)
        }
        for text in ["2025-02-29T00:00:00.000000Z", "2025-01-01T24:00:00.000000Z", "2025-01-01 00:00:00.000000Z", ""] {
            #expect(Timestamp(text) == nil)
        }
        #expect(Timestamp("2025-01-01T00:00:00Z") == nil)
    }

    @Test(
        "Decimals keep exactly their digits",
        arguments: [("0.8", "0.80"), ("1", "1.00"), ("-0.05", "-0.05"), ("12.34", "12.34")]
    )
    func decimals(literal: String, stored: String) throws {
        #expect(FixedDecimal.literal(try #require(FixedDecimal.scaled(literal, digits: 2)), digits: 2) == stored)
    }

    @Test("What is no plain decimal is refused", arguments: ["0.805", "1e2", ".5", "5.", "", "--1", "0x1", "1,5", "٣"])
    func badDecimals(literal: String) { #expect(FixedDecimal.scaled(literal, digits: 2) == nil) }
}
