import ArgumentParser
import Glibc
import Hummingbird
import NIOCore
import RoutingModel

/// Hummingbird alone over the same index: nobody is asked who calls, nothing is checked, counted or kept.
///
/// What it answers in a second is what a worker could at most, with this library and this search.
struct SimilarRoute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "similar-route")

    @Option(help: "The index's file.")
    var index: String

    @Option(help: "Numbers of a vector.")
    var dimension: Int

    @Option(help: "The breadth of the search.")
    var ef = 128

    func run() async throws {
        let index = try NeighbourIndex.load(self.index, expecting: try IndexParameters(.l2, dimension: dimension))
        let (dimension, ef) = (self.dimension, self.ef)
        let router = Router()
        router.post("/v1/similar") { request, _ in
            let body = try await request.body.collect(upTo: 1 << 20)
            let found = try index.search(Self.vector(body, dimension), k: 50, ef: ef)
            var answer = ByteBuffer()
            answer.reserveCapacity(4_096)
            answer.writeString("[")
            for (place, neighbour) in found.enumerated() {
                answer.writeString(place > 0 ? ",{\"item\":" : "{\"item\":")
                answer.writeString("\(neighbour.label)")
                answer.writeString(",\"distance\":")
                answer.writeString("\(neighbour.distance)")
                answer.writeString("}")
            }
            answer.writeString("]")
            let type: HTTPFields = [.contentType: "application/json"]
            return Response(status: .ok, headers: type, body: ResponseBody(byteBuffer: answer))
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

    /// The numbers behind the second opening bracket, by the C library.
    private static func vector(_ body: ByteBuffer, _ dimension: Int) -> [Float] {
        let bytes = Array(body.readableBytesView) + [0]
        return bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return [] }
            var at = UnsafeMutablePointer(mutating: start)
            for _ in 0..<2 { at = strchr(at, Int32(UInt8(ascii: "["))).map { $0 + 1 } ?? at }
            return (0..<dimension).map { _ in
                var end: UnsafeMutablePointer<CChar>?
                let number = strtof(at, &end)
                at = end.map { $0 + 1 } ?? at
                return number
            }
        }
    }
}
