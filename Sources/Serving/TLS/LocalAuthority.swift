internal import Crypto
internal import DurableFiles
package import Foundation
internal import Glibc
internal import NIOCore
internal import SwiftASN1
internal import X509

/// Why a certificate or its key cannot be used: what, where, and what to do.
package struct CertificateFault: Error, CustomStringConvertible {
    /// What is wrong, with the file.
    package let message: String
    /// What the operator can do.
    package let hint: String

    package var description: String { "\(message) (\(hint))" }
}

/// The certificate authority of one home, and the server's certificate that it signs.
///
/// Made once: an ECDSA P-256 authority for ten years that browsers are told to trust, and a certificate of 397 days for the host
/// names and addresses of this server, made anew 32 days before its end or when the names change. Key and certificate stand in one
/// file each (0400), written atomically, so that no crash leaves a key with another key's certificate.
package struct LocalAuthority: Sendable {
    /// Days that a server's certificate holds; browsers refuse more than 398.
    package static let serverDays = 397
    /// Days before its end at which it is made anew.
    package static let renewalDays = 32
    private static let authorityDays = 3_652

    private let folder: String
    private let certificate: Certificate
    private let key: P256.Signing.PrivateKey

    /// Opens the authority of a folder, or makes it; `now` is the time of its beginning.
    package init(folder: String, now: Date) throws {
        self.folder = folder
        try DurableFile.makeDirectory(folder, mode: 0o700)
        let path = "\(folder)/authority.pem"
        if access(path, F_OK) != 0 {
            let made = try Self.makeAuthority(now: now)
            let text = made.1.pemRepresentation + "\n" + (try made.0.serializeAsPEM().pemString) + "\n"
            do { try DurableFile.create(Array(text.utf8), at: path, mode: 0o400) } catch {
                // Another process was faster: its authority is the one.
                guard error.errorNumber == EEXIST else { throw error }
            }
        }
        (certificate, key) = try Self.read(path)
    }

    /// The authority's certificate for browsers and clients, as PEM.
    package var certificatePEM: String { get throws { try certificate.serializeAsPEM().pemString + "\n" } }

    /// The SHA-256 of the authority's certificate: pairs of upper-case hexadecimal digits with colons between.
    package var fingerprint: String { get throws { try Self.fingerprint(of: certificate) } }

    /// The end of the authority's time.
    package var ends: Date { certificate.notValidAfter }

    /// The server's key and chain as PEM: the file's when it still serves, else new ones, already on disk.
    ///
    /// `names` are host names and IP addresses; the first one is the subject. Returns too when that certificate ends.
    package func serverPEM(names: [String], now: Date) throws -> (text: String, ends: Date, isNew: Bool) {
        let path = "\(folder)/server.pem"
        if access(path, F_OK) == 0, let (held, _) = try? Self.read(path), isUsable(held, names: names, now: now) {
            let text = String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self)
            return (text, held.notValidAfter, false)
        }
        let (made, key) = try makeServer(names: names, now: now)
        let text =
            key.pemRepresentation + "\n" + (try made.serializeAsPEM().pemString) + "\n" + (try certificatePEM)
        try DurableFile.write(Array(text.utf8), to: path, mode: 0o400)
        return (text, made.notValidAfter, true)
    }

    private func isUsable(_ held: Certificate, names: [String], now: Date) -> Bool {
        let alternatives = try? held.extensions.subjectAlternativeNames
        let wanted = try? SubjectAlternativeNames(names.map(Self.name))
        return held.issuer == certificate.subject && certificate.publicKey.isValidSignature(held.signature, for: held)
            && alternatives == wanted && held.notValidBefore <= now
            && now < held.notValidAfter.addingTimeInterval(-Double(Self.renewalDays) * 86_400)
    }

    private static func makeAuthority(now: Date) throws -> (Certificate, P256.Signing.PrivateKey) {
        let key = P256.Signing.PrivateKey()
        let issuer = Certificate.PrivateKey(key)
        let serial = Certificate.SerialNumber()
        let name = try DistinguishedName {
            OrganizationName("Daybook")
            CommonName("Daybook local authority \(serial.description.prefix(8))")
        }
        let identifier = SubjectKeyIdentifier(hash: issuer.publicKey)
        let certificate = try Certificate(
            version: .v3,
            serialNumber: serial,
            publicKey: issuer.publicKey,
            notValidBefore: now.addingTimeInterval(-3_600),
            notValidAfter: now.addingTimeInterval(Double(authorityDays) * 86_400),
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                identifier
            },
            issuerPrivateKey: issuer
        )
        return (certificate, key)
    }

    private func makeServer(names: [String], now: Date) throws -> (Certificate, P256.Signing.PrivateKey) {
        guard let first = names.first else {
            throw CertificateFault(message: "no name for the server's certificate", hint: "set server.hostnames")
        }
        let key = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(key.publicKey)
        let begins = now.addingTimeInterval(-3_600)
        let ends = begins.addingTimeInterval(Double(Self.serverDays) * 86_400)
        let made = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: publicKey,
            notValidBefore: begins,
            notValidAfter: min(ends, certificate.notValidAfter),
            issuer: certificate.subject,
            subject: try DistinguishedName { CommonName(String(first.prefix(64))) },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(try names.map(Self.name))
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(
                    keyIdentifier: try certificate.extensions.subjectKeyIdentifier?.keyIdentifier
                )
            },
            issuerPrivateKey: Certificate.PrivateKey(self.key)
        )
        return (made, key)
    }

    private static func name(_ text: String) throws -> GeneralName {
        if let address = try? SocketAddress(ipAddress: text, port: 0) {
            switch address {
            case .v4(let raw): return .ipAddress(ASN1OctetString(contentBytes: bytes(raw.address.sin_addr)))
            case .v6(let raw): return .ipAddress(ASN1OctetString(contentBytes: bytes(raw.address.sin6_addr)))
            case .unixDomainSocket: break
            }
        }
        let isName =
            (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || $0 == 0x2d || $0 == 0x2e
            }
        guard isName else {
            throw CertificateFault(
                message: "\"\(text.prefix(100))\" is neither a host name in lower case nor an IP address",
                hint: "correct server.hostnames"
            )
        }
        return .dnsName(text)
    }

    private static func bytes<Raw>(_ value: Raw) -> ArraySlice<UInt8> {
        withUnsafeBytes(of: value) { Array($0)[...] }
    }

    private static func read(_ path: String) throws -> (Certificate, P256.Signing.PrivateKey) {
        let text = String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self)
        do {
            let documents = try PEMDocument.parseMultiple(pemString: text)
            guard let certificate = documents.first(where: { $0.discriminator == "CERTIFICATE" }),
                let key = documents.first(where: { $0.discriminator != "CERTIFICATE" })
            else { throw CertificateFault(message: "a key or a certificate is missing", hint: "") }
            let read = try Certificate(pemDocument: certificate)
            let privateKey = try P256.Signing.PrivateKey(pemRepresentation: key.pemString)
            guard Certificate.PublicKey(privateKey.publicKey) == read.publicKey else {
                throw CertificateFault(message: "the key is not the certificate's", hint: "")
            }
            return (read, privateKey)
        } catch {
            throw CertificateFault(
                message: "\(path) holds no key with its certificate",
                hint: "restore it from the backup of the keys; a new one has to be trusted anew by every browser"
            )
        }
    }

    static func fingerprint(of certificate: Certificate) throws -> String {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return SHA256.hash(data: serializer.serializedBytes).map {
            String($0 >> 4, radix: 16) + String($0 & 15, radix: 16)
        }
        .joined(separator: ":").uppercased()
    }
}
