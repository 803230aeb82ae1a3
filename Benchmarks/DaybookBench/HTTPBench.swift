import ArgumentParser
import CanonicalJSON
import CommandHandling
import EventStore
import Foundation
import Hummingbird
import NIOCore
import RoutingDomain

/// Fills a home that `daybook init` made with model versions, for the list that `scripts/bench-http.sh` asks for.
struct HTTPHome: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "http-home")

    @Option(help: "The home.")
    var home: String

    @Option(help: "How many versions.")
    var models = 100

    func run() async throws {
        let log = try LMDBEventLog.open(at: LogFolders(data: "\(home)/data"))
        let handler = CommandHandler(log: log, clock: SystemClock())
        for number in 1...models {
            let version = "2026.03.01_\(number)"
            let command = RegisterModel(
                version: version,
                sourceName: "training run \(number)",
                manifestPath: "models/\(version)/manifest.json",
                manifestSha256: String(repeating: "5e", count: 32),
                files: 9,
                sizeBytes: 41_000_000 + number,
                changeScopes: ["data", "feature_weights"],
                notes: "trained on the orders of the week, with the weights of the run before",
                unknownFields: [],
                facts: ["embedding": ["dimension": 128], "index": ["space": "cosine", "m": 16]]
            )
            _ = try await handler.handle(command, by: .system(reason: "a benchmark"))
        }
        await log.close()
    }
}

/// Hummingbird alone: one route that answers with the bytes of a file from memory.
struct MemoryRoute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "memory-route")

    @Option(help: "The file whose bytes are the answer.")
    var file: String

    func run() async throws {
        let bytes = ByteBuffer(bytes: try Data(contentsOf: URL(filePath: file)))
        let router = Router()
        router.get("/api/v1/models") { _, _ in
            Response(status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: bytes))
        }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                print(channel.localAddress?.port ?? 0)
                fflush(nil)
            }
        )
        try await application.runService()
    }
}
