import Foundation
import Serving

/// The certificate that the services of a home show, and the authority that signed it.
struct HomeIdentity {
    let authority: LocalAuthority
    let server: ServerIdentity
    let fingerprint: String

    /// The identity by the settings; nil for plain HTTP.
    init?(_ folders: HomeFolders, _ settings: Settings) throws {
        guard !settings.truth("server.insecure-http") else { return nil }
        authority = try LocalAuthority(folder: "\(folders.keys)/tls", now: Date())
        server = try ServerIdentity(authority: authority, names: settings.list("server.hostnames"), now: Date())
        fingerprint = try authority.fingerprint
    }

    /// What requests may ask for: every name of the certificate, IPv6 in brackets.
    static func hosts(_ settings: Settings) -> Set<String> {
        Set(settings.list("server.hostnames").map { $0.contains(":") ? "[\($0.lowercased())]" : $0.lowercased() })
    }
}
