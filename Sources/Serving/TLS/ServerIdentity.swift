package import Foundation
internal import NIOSSL
internal import Synchronization

/// The server's key and certificate in use: new connections take the newest, running ones keep theirs.
package final class ServerIdentity: Sendable {
    private let authority: LocalAuthority
    private let names: [String]
    private let current: Mutex<(context: NIOSSLContext, ends: Date)>

    /// An identity for these names; makes or renews the certificate when it is due at `now`.
    package init(authority: LocalAuthority, names: [String], now: Date) throws {
        self.authority = authority
        self.names = names
        let made = try authority.serverPEM(names: names, now: now)
        current = Mutex((try Self.context(made.text), made.ends))
    }

    /// The end of the certificate in use.
    package var ends: Date { current.withLock { $0.ends } }

    var context: NIOSSLContext { current.withLock { $0.context } }

    /// Makes a new certificate if it is due at `now`, and says whether it did; the old one stays in use when that fails.
    package func renewIfDue(now: Date) throws -> Bool {
        let made = try authority.serverPEM(names: names, now: now)
        guard made.isNew else { return false }
        let context = try Self.context(made.text)
        current.withLock { $0 = (context, made.ends) }
        return true
    }

    private static func context(_ text: String) throws -> NIOSSLContext {
        let bytes = Array(text.utf8)
        let chain = try NIOSSLCertificate.fromPEMBytes(bytes).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain,
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
