import CanonicalJSON
import Testing

@testable import Serving

@Suite("Bytes on the wire", .timeLimit(.minutes(15)))
struct WireTests {
    /// Requests with two meanings or none, and the status that each gets.
    static let ambiguous: [(String, String)] = [
        (
            "both lengths",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        (
            "both, other order",
            "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"
        ),
        ("two lengths", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        (
            "the same length twice",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"
        ),
        ("a list of lengths", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello"),
        ("a signed length", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"),
        ("a hexadecimal length", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello"),
        ("an empty length", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        ("a huge length", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        (
            "two codings",
            "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        (
            "a coding and identity",
            "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"
        ),
        ("xchunked", "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("gzip, chunked", "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (
            "a coding in HTTP/1.0",
            "POST /login HTTP/1.0\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        ("a space before the colon", "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello"),
        ("a tab before the colon", "POST /login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
        ("a folded line", "POST /login HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
        ("a folded first line", "GET /health HTTP/1.1\r\n Host: a\r\n\r\n"),
        ("bare line feeds", "GET /health HTTP/1.1\nHost: a\n\n"),
        ("one bare line feed", "GET /health HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        ("a bare carriage return", "GET /health HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
        ("a NUL", "GET /health HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        ("a control character", "GET /health HTTP/1.1\r\nHost: a\r\nX: a\u{1}b\r\n\r\n"),
        ("no name", "GET /health HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        ("no colon", "GET /health HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
        ("no host", "GET /health HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("a host with a path", "GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ("an absolute target", "GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an authority", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("HTTP/0.9", "GET /health\r\n\r\n"),
        ("HTTP/1.2", "GET /health HTTP/1.2\r\nHost: a\r\n\r\n"),
        ("HTTP/2 in clear", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("two spaces", "GET  /health HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a space at the end", "GET /health HTTP/1.1 \r\nHost: a\r\n\r\n"),
        ("a lower-case method", "get /health HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an empty line before", "\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a raw byte in the target", "GET /h\u{e9}alth HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            "a chunk extension",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n"
        ),
        (
            "a chunk size with a space",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"
        ),
        (
            "a negative chunk",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"
        ),
        (
            "a chunk of 2^36",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1000000000\r\n"
        ),
        (
            "a chunk longer than its size",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n"
        ),
        (
            "a chunk with a bare line feed",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n"
        ),
        (
            "a trailer",
            "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"
        ),
    ]

    @Test("A request that two readers could cut in two ways gets 400, and the connection ends without a second answer")
    func smuggling() async throws {
        try await withService(.test(limits: .quick)) { port, _, _ in
            for (name, text) in Self.ambiguous {
                let client = try RawClient(port: port)
                // What a desynchronised server would take for the next request.
                let answer = try #require(
                    await client.exchange(text + "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"),
                    "\(name)"
                )
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(name): \(answer.prefix(60))")
                #expect(answer.ranges(of: "HTTP/1.1 400 Bad").count == 1, "\(name): more than one answer")
                #expect(!answer.contains("200 OK"), "\(name): a second request was made of it")
                #expect(answer.contains("\r\nConnection: close\r\n"), "\(name)")
                let problem = try body(of: answer)
                #expect(problem["type"]?.text?.hasPrefix("urn:daybook:http.") == true, "\(name)")
            }
        }
    }

    @Test("Cut at every place, each of these requests is refused the same way; a plain one is read the same way")
    func everyCut() throws {
        for (name, text) in Self.ambiguous {
            let bytes = Array(text.utf8)
            for cut in 0...bytes.count {
                #expect(throws: WireRefusal.self, "\(name) at \(cut)") {
                    var framer = WireFramer(limits: Limits())
                    for part in [bytes[..<cut], bytes[cut...]] { _ = try Self.drive(&framer, part) }
                    // A huge announced chunk or length is refused at once, or never framed as a whole request.
                    throw WireRefusal("unfinished", "")
                }
            }
        }
        let plain = Array(
            "PUT /a?b=c HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                .utf8
        )
        for cut in 0...plain.count {
            var framer = WireFramer(limits: Limits())
            var heads: [WireHead] = []
            for part in [plain[..<cut], plain[cut...]] { heads += try Self.drive(&framer, part) }
            #expect(heads.map(\.target) == ["/a?b=c"])
            #expect(!framer.isInBody)
        }
    }

    @Test("The control: every request of the table is refused while whole, not only because it never ends")
    func wholeRefused() {
        let unfinished = Self.ambiguous.filter { _, text in
            var framer = WireFramer(limits: Limits())
            do {
                _ = try Self.drive(&framer, Array(text.utf8)[...])
                return true
            } catch { return false }
        }
        #expect(unfinished.map(\.0) == [])
    }

    private static func drive(_ framer: inout WireFramer, _ part: ArraySlice<UInt8>) throws -> [WireHead] {
        var bytes = part
        var heads: [WireHead] = []
        while !bytes.isEmpty {
            switch try framer.next(&bytes) {
            case .wait: return heads
            case .head(let head, _): heads.append(head)
            case .body(let count, _): bytes = bytes.dropFirst(count)
            }
        }
        return heads
    }

    @Test("Random bytes never crash the framer, and it holds no more than a head")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0...UInt64.max, using: &generator)
        print("seed \(seed)")
        var random = Xorshift(seed)
        let words = [
            "GET ", "/", " HTTP/1.1", "\r\n", "\n", "Host: a", "Content-Length: 3", ":", "chunked", "\0", "é", "5",
            "\r\n\r\n",
        ]
        for _ in 0..<20_000 {
            var framer = WireFramer(limits: Limits())
            let text = (0..<Int(random.next() % 12)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                .joined()
            _ = try? Self.drive(&framer, Array(text.utf8)[...])
        }
    }

    @Test("Requests one after another on one connection are each answered once, in their order")
    func pipelining() async throws {
        try await withService(.test(limits: .quick)) { port, _, _ in
            let client = try RawClient(port: port)
            let one = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            let two = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let answer = try #require(await client.exchange(one + two))
            #expect(answer.ranges(of: "HTTP/1.1 200 OK").count == 2)
            #expect(answer.contains("\"ok\""))
        }
    }

    @Test("Nonsense after a good request leaves that one its answer, then is refused")
    func nonsenseAfterRequest() async throws {
        try await withService(.test(limits: .quick)) { port, _, _ in
            let client = try RawClient(port: port)
            let answer = try #require(await client.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\n\n"))
            #expect(answer.hasPrefix("HTTP/1.1 200 OK"))
            #expect(answer.ranges(of: "HTTP/1.1 400 ").count == 1)
        }
    }

    @Test("A client that asks before it sends its body is told to go on")
    func expectContinue() async throws {
        try await withService(.test()) { port, _, _ in
            let client = try RawClient(port: port)
            let head = "POST /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
            await client.send(head + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            let go = try #require(await client.read { $0.contains("\r\n\r\n") })
            #expect(go.hasPrefix("HTTP/1.1 100 Continue\r\n\r\n"))
            let answer = try #require(await client.exchange("{}"))
            #expect((go + answer).contains("HTTP/1.1 200 OK"))
        }
    }
}

/// A small generator whose numbers follow from its seed.
struct Xorshift {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
