import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

@testable import Inference

@Suite("Answers as text")
struct AnswerTextTests {
    @Test("Numbers are written as near as their digits allow, and are JSON")
    func decimals() throws {
        var random = SeededGenerator()
        for digits in 0...6 {
            for _ in 0..<2_000 {
                let value =
                    Double.random(in: -1e6...1e6, using: &random)
                    * pow(10, Double(Int.random(in: -9...0, using: &random)))
                var text = AnswerText(capacity: 16)
                text.decimal(value, digits)
                let written = String(decoding: text.bytes, as: UTF8.self)
                _ = try JSONReader.plain(written)
                let read = try #require(Double(written))
                #expect(abs(read - value) <= 0.50001 * pow(10, -Double(digits)), "\(value) to \(digits): \(written)")
                #expect(written.split(separator: ".").dropFirst().first?.count ?? 0 == digits)
            }
        }
    }

    @Test("A distance reads back as the same number, whatever its size")
    func distances() throws {
        var random = SeededGenerator()
        var values: [Float] = [
            0, 1, 10, 0.0001, 0.1, 99_999_992, 1e8, 1e-5, 1.1754944e-38, .greatestFiniteMagnitude, 0.99999994,
        ]
        for _ in 0..<50_000 {
            values.append(
                Float.random(in: 0...1, using: &random) * Float(pow(10, Double.random(in: -7...9, using: &random)))
            )
        }
        for value in values + values.map({ -$0 }) {
            var text = AnswerText(capacity: 16)
            text.number(value)
            let written = String(decoding: text.bytes, as: UTF8.self)
            _ = try JSONReader.plain(written)
            #expect(Float(written) == value, "\(value): \(written)")
        }
    }

    @Test("What has no digits is null, zero has no sign, and great numbers keep their size")
    func edges() {
        func written(_ value: Double, _ digits: Int) -> String {
            var text = AnswerText(capacity: 16)
            text.decimal(value, digits)
            return String(decoding: text.bytes, as: UTF8.self)
        }
        #expect(written(.nan, 2) == "null" && written(.infinity, 2) == "null")
        #expect(written(-0.0001, 2) == "0.00" && written(0.005, 2) == "0.01" && written(-1.5, 0) == "-2")
        #expect(written(9.9999, 3) == "10.000" && written(1e20, 3) == "1e+20")
    }
}
