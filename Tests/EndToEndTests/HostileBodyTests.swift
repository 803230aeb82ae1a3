import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Bodies that are small to send and would be large to hold, or deep, or no number any more, against a served home.
@Suite("Bodies that mean harm", .serialized, .timeLimit(.minutes(10)))
struct HostileBodyTests {
    private static let path = "/api/v1/auth/login"
    private static let json = ["Content-Type": "application/json"]

    /// A body, its coding, and the answer that is due: its status and the code of its problem.
    private struct Case {
        let name: String
        var coding: String?
        let body: [UInt8]
        let status: Int
        let code: String
    }

    /// 200 MB of zeros in some 200 KB.
    private static func bomb(in folder: TemporaryFolder) throws -> [UInt8] {
        let path = folder.path("bomb.gz")
        let made = try Machine.run("sh", "-c", "head -c 200000000 /dev/zero | gzip -9 >'\(path)'")
        #expect(made.exit == 0, "\(made)")
        return Array(try Data(contentsOf: URL(filePath: path)))
    }

    private static func cases(_ bomb: [UInt8]) -> [Case] {
        let size = 2 << 20
        func text(_ name: String, _ text: String, _ status: Int, _ code: String) -> Case {
            Case(name: name, body: Array(text.utf8), status: status, code: code)
        }
        let login = "{\"address\":\"a@plant.example\",\"password\":"
        var all = ["gzip", "deflate", "br", "zstd", "identity, gzip", "x-gzip"].map {
            Case(name: $0, coding: $0, body: bomb, status: 415, code: "media-type")
        }
        all.append(Case(name: "a bomb that hides", body: bomb, status: 400, code: "body.json"))
        for opening in ["[", "{\"a\":", "[[{\"a\":["] {
            let times = size / opening.utf8.count
            all.append(text("\(opening) again and again", String(repeating: opening, count: times), 400, "body.json"))
        }
        let closed = String(repeating: "[", count: 500_000) + String(repeating: "]", count: 500_000)
        all.append(text("500,000 levels, all closed", closed, 400, "body.json"))
        // A decimal stays the text that it is; an integer has to be one that every reader can hold.
        let decimals = [
            "1e400", "-1e999999999", "1e-999999999", "0." + String(repeating: "0", count: size - 200) + "1",
            "1e" + String(repeating: "9", count: 100_000),
        ]
        let integers = ["9007199254740993", "18446744073709551616", String(repeating: "9", count: size - 100)]
        for number in decimals {
            all.append(text("a number: \(number.prefix(20))", "\(login)\(number)}", 422, "body.invalid"))
        }
        for number in integers {
            all.append(text("a number: \(number.prefix(20))", "\(login)\(number)}", 400, "body.json"))
        }
        all.append(
            text("a long text", "\(login)\"\(String(repeating: "\\u0041", count: size / 7))\"}", 422, "body.invalid")
        )
        all.append(text("half a pair", "\(login)\"\\ud800\"}", 400, "body.json"))
        let keys = (0..<150_000).map { "\"k\($0)\":0" }.joined(separator: ",")
        all.append(text("150,000 keys", "{\(keys)}", 422, "body.invalid"))
        all.append(
            text(
                "150,000 times one key",
                "{" + String(repeating: "\"k\":0,", count: 150_000) + "\"k\":0}",
                400,
                "body.json"
            )
        )
        all.append(text("one byte too many", String(repeating: " ", count: size + 1), 413, "body.too-large"))
        all.append(
            text(
                "a million keys",
                "{" + String(repeating: "\"k12345\":0,", count: 1_000_000) + "}",
                413,
                "body.too-large"
            )
        )
        return all
    }

    @Test("Each is refused with its own problem, nothing is unpacked, and the memory of the server does not grow")
    func refused() async throws {
        let home = try await ServedHome.start(try await TestHome.make())
        let cases = Self.cases(try Self.bomb(in: home.home.folder))
        let good = Array("{\"address\":\"a@plant.example\",\"password\":\"correct horse battery\"}".utf8)
        let head = try await home.send("GET", "/api/v1/events?limit=1").json["head"]?.number
        func ask(_ item: Case) async throws -> ServedHome.Received {
            var headers = Self.json
            headers["Content-Encoding"] = item.coding
            return try await home.ask("POST", Self.path, headers: headers, body: item.body)
        }
        for item in cases {
            let answer = try await ask(item)
            let code = answer.json["type"]?.text ?? "-"
            #expect(
                answer.status == item.status && code == "urn:daybook:\(item.code)",
                "\(item.name): \(answer.text.prefix(300))"
            )
            #expect(answer.body.count < 64 << 10, "\(item.name): a refusal of \(answer.body.count) bytes")
        }
        let process = ServedProcess(home)
        process.forgetPeak()
        let memory = process.memory
        for _ in 0..<4 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for item in cases { group.addTask { _ = try await ask(item) } }
                try await group.waitForAll()
            }
        }
        let peak = process.peak
        // All at once are 60 MB of bodies; unpacked, one of them alone were 200.
        #expect(peak < memory + 160 << 10, "\(memory) kB grew to \(peak) kB")
        print(
            "FIGURES bodies: \(cases.count) kinds, 5 times each; memory \(memory >> 10) MB before, at most \(peak >> 10) MB"
        )
        var plain = Self.json
        plain["Content-Encoding"] = "identity"
        #expect(
            try await home.ask("POST", Self.path, headers: plain, body: good).status == 401,
            "the control: it is read"
        )
        #expect(try await home.send("GET", "/api/v1/events?limit=1").json["head"]?.number == head, "nothing was stored")
    }
}
