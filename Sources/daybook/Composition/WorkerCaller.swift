import ControlAPI
import Foundation
import NIOHTTP1
import NIOSSL
import Serving

/// Passes requests on to inference workers over HTTP, with the caller's own session or key.
///
/// Whoever reports a worker's address must not be able to gather sessions: over the network only a machine with a certificate of the
/// home's own authority is spoken to, and plain HTTP goes to this machine alone, from a server that speaks it itself.
struct WorkerCaller: Sendable {
    private let tls: NIOSSLContext?
    private let isPlain: Bool
    /// Seconds that a worker may take.
    private static let patience: Int64 = 15

    init(authority: LocalAuthority?, isPlain: Bool) {
        self.isPlain = isPlain
        tls = authority.flatMap { try? Self.context(trusting: $0) }
    }

    private static func context(trusting authority: LocalAuthority) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(authority.certificatePEM.utf8))
        configuration.trustRoots = .certificates(certificates)
        return try NIOSSLContext(configuration: configuration)
    }

    /// The call as the routes know it.
    var calling: WorkerCalling { { try await ask($0) } }

    private func ask(_ call: WorkerCall) async throws -> WorkerAnswer {
        var exchange = HTTPExchange(place: try place(of: call.url))
        exchange.patience = Self.patience
        do {
            let answer = try await exchange.send(
                .POST,
                call.path,
                headers: [
                    ("Authorization", "Bearer \(call.token)"), ("Content-Type", "application/json"),
                    ("X-Request-ID", call.requestID),
                ],
                body: call.body
            )
            return WorkerAnswer(status: answer.status, type: answer.type ?? "application/json", body: answer.body)
        } catch HTTPExchange.Fault.notListening {
            throw WorkerCallFault.unreached("nobody listens there")
        } catch HTTPExchange.Fault.refused(let words) {
            throw WorkerCallFault.unreached(words)
        } catch HTTPExchange.Fault.unanswered(let words) {
            throw WorkerCallFault.unanswered(words)
        }
    }

    private func place(of url: String) throws -> HTTPExchange.Place {
        guard let parts = URLComponents(string: url), let host = parts.host, ["", "/"].contains(parts.path) else {
            throw WorkerCallFault.unreached("that is no address of a worker")
        }
        let name = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        switch parts.scheme {
        case "https":
            guard let tls else { throw WorkerCallFault.unreached("this server has no authority to know it by") }
            return .host(name, port: parts.port ?? 443, tls: tls)
        case "http" where isPlain && ["localhost", "127.0.0.1", "::1"].contains(name):
            return .host(name, port: parts.port ?? 80, tls: nil)
        default:
            throw WorkerCallFault.unreached("a session goes over https only, or within this machine")
        }
    }
}
