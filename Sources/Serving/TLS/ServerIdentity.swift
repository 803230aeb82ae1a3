package import Foundation
package import Logging
internal import NIOSSL
internal import ServiceLifecycle
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

/// Looks once a day whether the certificate is due, without a restart.
package struct CertificateRenewal: Service {
    private let identity: ServerIdentity
    private let now: @Sendable () -> Date
    private let every: Duration
    private let logger: Logger

    /// A check of an identity; `every` is a day outside of tests.
    package init(
        identity: ServerIdentity,
        every: Duration = .seconds(86_400),
        now: @escaping @Sendable () -> Date,
        logger: Logger
    ) {
        self.identity = identity
        self.now = now
        self.every = every
        self.logger = logger
    }

    /// Looks once each time until the end; a failed renewal is logged and tried again the next time.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: every)) != nil {
                do {
                    if try identity.renewIfDue(now: now()) {
                        logger.notice("certificate renewed", metadata: ["expires": "\(identity.ends)"])
                    }
                } catch {
                    logger.error("certificate not renewed", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
