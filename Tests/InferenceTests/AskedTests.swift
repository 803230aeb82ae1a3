import CanonicalJSON
import EventStoreTesting
import Testing

@testable import Inference

@Suite("Bodies of requests")
struct AskedTests {
    private func refusal(of text: String) -> AskedFault? {
        do throws(AskedFault) { _ = try Asked(Array(text.utf8)) } catch { return error }
        return nil
    }

    @Test("Every way to name a part is read, with what goes beside")
    func shapes() throws {
        let text = #"""
             {"neighbours": 7, "parts": [ {"item":"A-1"}, {"features": {"A": [1, {"b": "}"}], "c": "\"]"}},
              {"vector":[1,-2.5,3e-2,0]} ], "ef_search": 99, "expansions": 0 }
            """#
        let asked = try Asked(Array(text.utf8))
        #expect(asked.neighbours == 7 && asked.efSearch == 99 && asked.expansions == 0)
        #expect(asked.parts.count == 3 && asked.parts[0] == .item("A-1"))
        #expect(asked.parts[2] == .vector([1, -2.5, 0.03, 0]))
        guard case .features(let bytes, let offset) = asked.parts[1] else {
            Issue.record("\(asked.parts[1])")
            return
        }
        #expect(Array(Array(text.utf8)[offset..<(offset + bytes.count)]) == bytes)
        #expect(try JSONReader.plain(bytes)["c"] == "\"]")
        #expect(try Asked(Array(#"{"parts":[{"item":"\u00e9 ☃"}]}"#.utf8)).parts == [AskedPart.item("é ☃")])
    }

    @Test(
        "What is no JSON is refused as such, with its place",
        arguments: [
            "", "{", "{\"parts\"", "{\"parts\":[", "{\"parts\":[{\"item\":\"x\"}", "{\"parts\":[{\"item\":\"x\"}]} x",
            "{\"parts\":[{\"item\":\"x\"},]}", "{\"parts\":[{\"vector\":[01]}]}", "{\"parts\":[{\"vector\":[1.]}]}",
            "{\"parts\":[{\"vector\":[1e]}]}", "{\"parts\":[{\"vector\":[+1]}]}", "{\"parts\":[{\"vector\":[NaN]}]}",
            "{\"parts\":[{\"vector\":[-]}]}", "{\"parts\":[{\"vector\":[.5]}]}", "{\"parts\" [1]}",
            "{\"parts\":[{\"item\":\"\\", "{\"parts\":[{\"features\":{\"a\":1", "{parts:[]}",
        ]
    )
    func syntax(_ text: String) throws {
        let fault = try #require(refusal(of: text))
        #expect(fault.isSyntax && fault.offset <= text.utf8.count, "\(fault)")
    }

    @Test(
        "JSON of another shape is refused by name",
        arguments: [
            ("{}", "no parts"), ("{\"parts\":[]}", "no part"), ("{\"parts\":5}", "list"), ("[]", "object"),
            ("{\"parts\":[{}]}", "part 1"), ("{\"parts\":[{\"item\":\"a\"},{\"foo\":1}]}", "part 2 as foo"),
            ("{\"parts\":[{\"item\":\"a\",\"vector\":[1]}]}", "twice"),
            ("{\"parts\":[{\"item\":\"a\"}],\"k\":1}", "member k"),
            ("{\"parts\":[{\"item\":\"a\"}],\"neighbours\":0}", "neighbours"),
            ("{\"parts\":[{\"item\":\"a\"}],\"neighbours\":1001}", "neighbours"),
            ("{\"parts\":[{\"item\":\"a\"}],\"neighbours\":1.5}", "neighbours"),
            ("{\"parts\":[{\"item\":\"a\"}],\"ef_search\":70000}", "ef_search"),
            ("{\"parts\":[{\"item\":\"a\"}],\"parts\":[{\"item\":\"b\"}]}", "parts twice"),
            ("{\"parts\":[{\"features\":7}]}", "features of part 1"), ("{\"parts\":[{\"vector\":[1e39]}]}", "number"),
            ("{\"parts\":[{\"features\":\"a\"}]}", "features of part 1"),
            ("{\"parts\":[{\"item\":\"a\"},{\"item\":5}]}", "code of part 2"),
            ("{\"parts\":[{\"item\":null}]}", "code of part 1"),
            ("{\"parts\":[{\"vector\":[\"1\"]}]}", "number of a vector"),
            ("{\"parts\":[{\"item\":\"a\"}],\"ef_search\":null}", "ef_search"),
        ]
    )
    func shape(_ text: String, _ word: String) throws {
        let fault = try #require(refusal(of: text))
        #expect(!fault.isSyntax && fault.message.contains(word), "\(fault)")
    }

    @Test("1,000 parts are taken, 1,001 are not")
    func limit() throws {
        func body(_ count: Int) -> [UInt8] {
            let parts = [String](repeating: #"{"item":"x"}"#, count: count).joined(separator: ",")
            return Array("{\"parts\":[\(parts)]}".utf8)
        }
        #expect(try Asked(body(1_000)).parts.count == 1_000)
        #expect(throws: AskedFault.self) { try Asked(body(1_001)) }
    }

    @Test("Neighbours are limited for all parts together, and features by their bytes")
    func sums() throws {
        func parts(_ count: Int, _ neighbours: Int) -> [UInt8] {
            let parts = [String](repeating: #"{"item":"x"}"#, count: count).joined(separator: ",")
            return Array("{\"parts\":[\(parts)],\"neighbours\":\(neighbours)}".utf8)
        }
        #expect(try Asked(parts(200, 1_000)).parts.count == 200)
        #expect(throws: AskedFault.self) { try Asked(parts(201, 1_000)) }
        func features(_ bytes: Int) -> [UInt8] {
            Array(#"{"parts":[{"features":{"a":"\#(String(repeating: "x", count: bytes - 8))"}}]}"#.utf8)
        }
        #expect(try Asked(features(65_536)).parts.count == 1)
        #expect(throws: AskedFault.self) { try Asked(features(65_537)) }
    }

    @Test("Numbers of any spelling are those that the library reads")
    func numbers() throws {
        var random = SeededGenerator()
        for _ in 0..<20_000 {
            var text = Bool.random(using: &random) ? "-" : ""
            text +=
                Bool.random(using: &random)
                ? "0" : "\(UInt64.random(in: 1...UInt64.max, using: &random) >> Int.random(in: 0...63, using: &random))"
            if Bool.random(using: &random) {
                text +=
                    "."
                    + (0..<Int.random(in: 1...25, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random))"
                    }.joined()
            }
            if Int.random(in: 0..<3, using: &random) == 0 { text += "e\(Int.random(in: -40...15, using: &random))" }
            let expected = Float(try #require(Double(text)))
            guard expected.isFinite else { continue }
            let asked = try Asked(Array("{\"parts\":[{\"vector\":[\(text)]}]}".utf8))
            #expect(asked.parts == [AskedPart.vector([expected])], "\(text)")
        }
    }

    @Test("A body that is cut or changed at random is refused or read, and never ends the process")
    func mutations() throws {
        var random = SeededGenerator()
        let sound = Array(
            #"{"parts":[{"item":"A-1"},{"features":{"A":"x","B":[1,2]}},{"vector":[1.5,-2e3]}],"neighbours":5}"#.utf8
        )
        for _ in 0..<20_000 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
                case 1 where !bytes.isEmpty:
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                default:
                    bytes.insert(
                        Array("{}[]\",:\\e-.0".utf8).randomElement(using: &random) ?? 0,
                        at: Int.random(in: 0...bytes.count, using: &random)
                    )
                }
            }
            do throws(AskedFault) { _ = try Asked(bytes) } catch { #expect(error.offset <= bytes.count + 1) }
        }
    }
}
