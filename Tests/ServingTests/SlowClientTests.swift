import Testing

@testable import Serving

@Suite("Clients that are slow on purpose", .timeLimit(.minutes(15)))
struct SlowClientTests {
    private func legitimate(_ port: Int) async throws {
        let answer = try await RawClient(port: port).exchange(
            "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        #expect(answer?.hasPrefix("HTTP/1.1 200 OK") == true)
    }

    @Test("A head that drips in is refused at its deadline, and others are served meanwhile")
    func headDrip() async throws {
        try await withService(.test(limits: .quick)) { port, service, _ in
            let client = try RawClient(port: port)
            await client.send("GET /health HTTP/1.1\r\n")
            async let end = client.readToEnd()
            while await client.send("X") { try await legitimate(port) }
            let answer = try #require(await end)
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
            await eventually { service.state.connections == 0 }
        }
    }

    @Test("A body that drips in is refused for its rate, and one with a fair rate at its deadline")
    func bodyDrip() async throws {
        try await withService(.test(limits: .quick)) { port, _, _ in
            let head =
                "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
            for size in [1, 512] {
                let client = try RawClient(port: port)
                await client.send(head)
                async let end = client.readToEnd()
                while await client.send([UInt8](repeating: 0x20, count: size)) { try await legitimate(port) }
                let answer = try #require(await end)
                #expect(answer.hasPrefix("HTTP/1.1 408 ") || answer.isEmpty, "\(size): \(answer.prefix(60))")
            }
        }
    }

    @Test("A client that does not read its answer is cut off, and others are served meanwhile")
    func neverReads() async throws {
        try await withService(.test(limits: .quick)) { port, service, _ in
            let client = try RawClient(port: port, receiveBuffer: 4_096)
            await client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            await eventually { service.state.requests == 1 }
            await eventually {
                try? await legitimate(port)
                return service.state.requests == 0
            }
            await eventually { service.state.connections == 0 }
            withExtendedLifetime(client) {}
        }
    }

    @Test("The control: without these deadlines the same clients stay")
    func control() async throws {
        var limits = Limits.quick
        (limits.headDeadline, limits.bodyDeadline, limits.bodyGrace) = (.seconds(600), .seconds(600), .seconds(600))
        (limits.writeStall, limits.idleDeadline) = (.seconds(600), .seconds(600))
        try await withService(.test(limits: limits)) { port, service, _ in
            let drip = try RawClient(port: port)
            await drip.send("GET /health HTTP/1.1\r\nX")
            let reader = try RawClient(port: port, receiveBuffer: 4_096)
            await reader.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            await eventually { service.state.requests == 1 }
            // Three times as long as the deadlines of the tests above, counted by requests that are served.
            let began = ContinuousClock.now
            while ContinuousClock.now - began < .milliseconds(1_500) { try await legitimate(port) }
            #expect(service.state.connections >= 2)
            // The last of the others may still be counted for a moment.
            await eventually { service.state.requests == 1 }
            #expect(await drip.send("Y"))
            // Nothing else keeps the silent reader's socket open.
            withExtendedLifetime(reader) {}
        }
    }

    @Test("An idle connection ends, and a new one that says nothing")
    func idle() async throws {
        try await withService(.test(limits: .quick)) { port, _, _ in
            let silent = try RawClient(port: port)
            #expect(await silent.readToEnd() == "")
            let idle = try RawClient(port: port)
            let answer = await idle.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(answer?.hasPrefix("HTTP/1.1 200 OK") == true)
        }
    }

    @Test("Beyond the connections of one address a further one is closed at once, and room is made when one goes")
    func connectionCap() async throws {
        var limits = Limits()
        limits.connectionsPerAddress = 3
        try await withService(.test(limits: limits)) { port, service, _ in
            var held: [RawClient] = []
            for _ in 0..<3 { held.append(try RawClient(port: port)) }
            await eventually { service.state.connections == 3 }
            #expect(await (try RawClient(port: port)).readToEnd() == "")
            #expect(service.state.refused == 1)
            held.removeLast()
            await eventually { service.state.connections == 2 }
            try await legitimate(port)
        }
    }
}
