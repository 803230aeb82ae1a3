package import CanonicalJSON
internal import Crypto
internal import DurableFiles
internal import Foundation

/// Files of the program that any browser may have, read once at the start.
///
/// A request picks one of them by its name and opens nothing: there is no path to leave a folder by.
package struct BundledFiles: Sendable {
    private struct File: Sendable {
        let bytes: KeptBytes
        let type: String
        let tag: String
    }
    private let files: [String: File]

    /// The ordinary files of a folder, without its sub-folders; empty when the folder is missing.
    ///
    /// Links are left out.
    package init(folder: String) {
        var files: [String: File] = [:]
        let types = [
            "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
            "html": "text/html; charset=utf-8",
            "svg": "image/svg+xml", "png": "image/png", "json": "application/json", "woff2": "font/woff2",
        ]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let path = "\(folder)/\(name)"
            let kind = (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType
            guard kind == .typeRegular, let type = types[String(name.split(separator: ".").last ?? "")],
                let bytes = try? DurableFile.read(path, limit: 16 << 20)
            else { continue }
            files[name] = File(
                bytes: KeptBytes(bytes),
                type: type,
                tag: "\"\(SHA256.hash(data: bytes).prefix(16).hexadecimal)\""
            )
        }
        self.files = files
    }

    /// Their names in order.
    package var names: [String] { files.keys.sorted() }

    /// Whether one has that name.
    package func has(_ name: String) -> Bool { files[name] != nil }

    /// The answer with one of them; 304 when the caller has it already.
    package func answer(_ name: String, ifNoneMatch: String? = nil) throws(Problem) -> Answer {
        guard let file = files[name] else { throw Problem(ProblemCatalogue.notFound, "No file has that name.") }
        let headers = ["ETag": file.tag, "Cache-Control": "no-cache"]
        guard ifNoneMatch != file.tag else { return Answer(status: 304, headers: headers) }
        return Answer(headers: headers, body: .kept(file.bytes, type: file.type))
    }
}

extension Route {
    /// `/openapi.json` and `/docs`: the documentation of a table, with the libraries of a folder and nothing from elsewhere.
    package static func documentation(of table: [Route], catalogue: ProblemCatalogue, version: String) -> [Route] {
        let page = BundledFiles(folder: resources)
        let library = BundledFiles(folder: "\(resources)/vendor")
        // A megabyte that anyone may ask for, as often as they like: it is made once.
        let document = KeptBytes(Array(openAPI(of: table, catalogue: catalogue, version: version).prettyText.utf8))
        let text = AnswerRule(200, "The file.", nil)
        return [
            Route(
                .get,
                "/openapi.json",
                "This API as OpenAPI 3.1",
                access: .public,
                answers: [AnswerRule(200, "The document.", .any)]
            ) {
                _ in Answer(body: .kept(document, type: "application/json"))
            },
            Route(.get, "/docs", "This API as pages", access: .public, answers: [text], contentPolicy: .documentation) {
                _ in
                guard library.has("swagger-ui-bundle.js") else {
                    throw Problem(
                        ProblemCatalogue.notFound,
                        "The pages' library is not installed: run scripts/vendor-web.py and build anew; /openapi.json is there."
                    )
                }
                return try page.answer("docs.html")
            },
            Route(
                .get,
                "/docs/{file}",
                "A file of these pages",
                access: .public,
                path: [Parameter("file", .string(min: 1, max: 100), "Its name.")],
                headers: [Parameter("if-none-match", .string(max: 200), "The tag that the caller has.")],
                answers: [text]
            ) { call in
                let name = call.path["file"] ?? ""
                let tag = call.headers["if-none-match"]
                return try (page.has(name) ? page : library).answer(name, ifNoneMatch: tag)
            },
        ]
    }

    /// The OpenAPI document of a table; the same routes give the same document.
    package static func openAPI(of table: [Route], catalogue: ProblemCatalogue, version: String) -> JSONValue {
        OpenAPI(
            table: RouteTable(table),
            catalogue: catalogue,
            title: "Daybook",
            version: version,
            cookieName: ServiceParts.cookieName(isSecure: true)
        ).document
    }

    /// `/ca`: the authority's certificate, and how a browser comes to trust it.
    package static func authority(_ authority: LocalAuthority) throws -> [Route] {
        let certificate = try authority.certificatePEM
        let fingerprint = try authority.fingerprint
        let page = AuthorityPage(fingerprint: fingerprint, ends: authority.ends).html
        let download = ["Content-Disposition": "attachment; filename=\"daybook-ca.crt\""]
        return [
            Route(.get, "/ca", "How to trust this server", access: .public, answers: [AnswerRule(200, "A page.", nil)])
            { _ in
                Answer(body: .bytes(Array(page.utf8), type: "text/html; charset=utf-8"))
            },
            Route(
                .get,
                "/ca.crt",
                "The authority's certificate",
                access: .public,
                answers: [AnswerRule(200, "PEM.", nil)]
            ) { _ in
                Answer(headers: download, body: .bytes(Array(certificate.utf8), type: "application/x-x509-ca-cert"))
            },
        ]
    }

    private static var resources: String {
        Bundle.module.bundleURL.appending(path: "Resources").path(percentEncoded: false)
    }
}

/// The page of `/ca`: no script, no style of its own.
struct AuthorityPage {
    let fingerprint: String
    let ends: Date

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <head><meta charset="utf-8"><title>Trust this Daybook</title></head>
        <body>
        <h1>Trust this Daybook</h1>
        <p>This server proves who it is by an authority of its own. Compare the fingerprint with the one that the server printed
        at its start, or ask the person who runs it, before you go on.</p>
        <p>SHA-256: <code>\(fingerprint)</code><br>Valid until \(ends.ISO8601Format()).</p>
        <p><a href="/ca.crt">Download the certificate</a>, then:</p>
        <ol>
        <li>Firefox: Settings, Privacy &amp; Security, View Certificates, Authorities, Import; tick "identify websites".</li>
        <li>Chrome and Edge: Settings, Privacy and security, Security, Manage certificates, Authorities, Import.</li>
        <li>curl: <code>curl --cacert daybook-ca.crt https://…</code></li>
        </ol>
        </body>
        </html>

        """
    }
}
