import CanonicalJSON
import Testing

@Suite("Canonical JSON")
struct CanonicalJSONTests {
    @Test(
        "Canonical bytes are read and written back as they are",
        arguments: [
            "null", "true", "false", "0", "-1", "9007199254740991", "-9007199254740991", "\"\"", "[]", "{}",
            #"{"a":1,"b":[1,2,{"c":null}]}"#, #""\b\t\n\f\r\"\\/""#, #""\u0000\u001f""#, #"{"":0}"#, #""€😀한""#,
            "\"\u{7f}\"", #"{"a":{},"aa":[]}"#,
        ]
    )
    func canonical(text: String) throws {
        #expect(try JSONReader.canonical(Array(text.utf8)).canonicalText() == text)
    }

    @Test(
        "What would be written otherwise is refused",
        arguments: [
            " 1", "1 ", "{ }", "[1, 2]", #"{"b":1,"a":2}"#, #""\/""#, #""\u0041""#, #""\u000A""#, #""\u001F""#, "1.0",
            "1e3",
            "1E3", "0.5", "-0", "01", "9007199254740992", "-9007199254740992", #"{"a":1,"a":1}"#,
            #"{"a":1,"\u0061":2}"#,
            "", "nul", "tru", "[1,]", "{,}", #"{"a"}"#, #"{"a":}"#, "[1", #""a"#, "\"\u{1}\"", "\"\n\"", #""\x""#,
            #""\u12""#,
            #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud83d\ude00""#, "+1", ".5", "1.", "--1", "\u{feff}1",
            "NaN",
        ]
    )
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONReader.canonical(Array(text.utf8)) }
    }

    @Test(
        "Invalid UTF-8 is refused",
        arguments: [[0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]]
    )
    func invalidUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONReader.plain([0x22] + bytes + [0x22]) }
        #expect(throws: JSONError.self) {
            try JSONReader.requireCanonicalObject(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8))
        }
    }

    @Test("Sixteen levels are read, seventeen refused")
    func depth() throws {
        func nested(_ levels: Int) -> [UInt8] {
            Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
        }
        _ = try JSONReader.canonical(nested(16))
        #expect(throws: JSONError.self) { try JSONReader.canonical(nested(17)) }
        #expect(throws: JSONError.self) { try JSONReader.plain(nested(100_000)) }
    }

    @Test("Keys stand in the order of their UTF-16 units, also beyond the basic plane")
    func keyOrder() throws {
        // The vector of RFC 8785, section 3.2.3: a surrogate pair comes before U+FB33, although its scalar is greater.
        let value: JSONValue = [
            "\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7,
        ]
        let text = try value.canonicalText()
        #expect(text == "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}")
        #expect(try JSONReader.canonical(Array(text.utf8)) == value)
        let wrong = Array("{\"\u{fb33}\":3,\"\u{1f600}\":5}".utf8)
        #expect(throws: JSONError.self) { try JSONReader.canonical(wrong) }
        #expect(throws: JSONError.self) { try JSONReader.requireCanonicalObject(wrong) }
    }

    @Test("A decimal, a great integer and a deep value cannot be written")
    func unwritable() {
        #expect(throws: JSONError.self) { try JSONValue.decimal("1.5").canonicalBytes() }
        #expect(throws: JSONError.self) { try JSONValue.integer(9_007_199_254_740_992).canonicalBytes() }
        #expect(throws: JSONError.self) { try JSONValue.integer(.min).canonicalBytes() }
        let deep = (0..<16).reduce(JSONValue.array([])) { value, _ in .array([value]) }
        #expect(throws: JSONError.self) { try deep.canonicalBytes() }
    }

    @Test("Plain reading takes spaces, escapes and decimals, and names the place of an error")
    func plain() throws {
        let value = try JSONReader.plain(" { \"b\" : [ 1.50 , -2e-3 ] , \"a\" : \"\\u00e4\\/\\ud83d\\ude00\" } ")
        #expect(value == ["a": "ä/😀", "b": [.decimal("1.50"), .decimal("-2e-3")]])
        let error = #expect(throws: JSONError.self) { try JSONReader.plain(#"{"a":1,"a":2}"#) }
        #expect(error?.offset == 7)
        #expect(error?.message.contains("duplicate key") == true)
    }

    @Test("The quick check takes only objects, and agrees with the reader on every example")
    func quickCheck() throws {
        try JSONReader.requireCanonicalObject(Array(#"{"a":[1,"한",{"b":-7}],"b":true}"#.utf8))
        try JSONReader.requireCanonicalObject(Array(#"{"가":1,"나":2}"#.utf8))
        for text in ["[]", "1", "null", "\"a\"", "", " {}", "{} ", #"{"나":1,"가":2}"#, #"{"a":1,"a":2}"#, #"{"a":-0}"#] {
            #expect(throws: JSONError.self) { try JSONReader.requireCanonicalObject(Array(text.utf8)) }
        }
    }

    @Test("A pattern speaks of a whole text, scalar by scalar")
    func patterns() {
        let version: TextPattern = "[0-9.]+_[0-9]+"
        #expect(version.fits("2026.01.12_1"))
        for text in ["", "x2026.01.12_1", "2026.01.12_1x", "2026.01.12_1\n"] { #expect(!version.fits(text)) }
        #expect(!TextPattern("a|b").fits("ab"))
        #expect(!TextPattern(".").fits("e\u{301}"))
    }
}
