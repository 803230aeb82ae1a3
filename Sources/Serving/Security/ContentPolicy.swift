/// What a browser may do with an answer.
package enum ContentPolicy: Sendable, Equatable {
    /// Scripts, styles and images of this service only, and no text that becomes a script.
    case strict
    /// For the page of the API's documentation, whose library writes styles into its elements and draws pictures from data URLs.
    case documentation

    /// The `Content-Security-Policy` field.
    package var field: String {
        switch self {
        case .strict:
            "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
                + "frame-ancestors 'none'; require-trusted-types-for 'script'"
        case .documentation:
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
                + "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        }
    }

    /// The header fields of every answer.
    package func fields(isSecure: Bool) -> [(String, String)] {
        var fields = [
            ("Content-Security-Policy", field),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ]
        if isSecure { fields.append(("Strict-Transport-Security", "max-age=31536000")) }
        return fields
    }
}
