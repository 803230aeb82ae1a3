internal import CanonicalJSON
internal import DurableFiles
internal import Foundation
internal import ModelFolders
internal import ModelIntake
internal import RoutingDomain
internal import Serving

/// The files of model versions: sent in parts before a registration, read back after it.
struct ModelFileRoutes: Sendable {
    let home: ControlHome
    private static let name = Parameter(
        "name",
        .string(min: 1, max: 100, pattern: "[A-Za-z0-9_-][A-Za-z0-9._-]*"),
        "The file's name inside the folder."
    )

    var all: [Route] { [send, staged, discard, files, file] }

    // MARK: - Sending

    private static let stagedFile = Schema.named(
        "StagedFile",
        .object([
            Schema.Member("name", .string(max: 100), "The file's name."),
            Schema.Member("received", .position, "The bytes that are there: where the next part begins."),
            Schema.Member("complete", .boolean, "Whether all of it is there."),
            Schema.Member(
                "sha256",
                .string(max: 64),
                "Of the whole file, when it just became complete.",
                isOptional: true
            ),
        ])
    )

    private var send: Route {
        Route(
            .put,
            "/api/v1/models/{version}/files/{name}",
            "Send a file of a version that is to be registered, whole or in parts",
            details:
                "In parts with `Content-Range: bytes first-last/total` (RFC 9110, 14.5): each begins where the one before ended, and "
                + "one from 0 begins anew. What came before a connection broke stays: ask /staged how much that is, and go on there. "
                + "Content-Digest is checked for the bytes of this request, Repr-Digest for the whole file with its last part "
                + "(RFC 9530). A part that is refused leaves nothing.",
            access: .requires(.train),
            path: [ModelRoutes.version, Self.name],
            headers: [
                Parameter(
                    "content-range",
                    .string(min: 1, max: 100),
                    "Which bytes of the file these are; all of it without."
                ),
                Parameter(
                    "content-length",
                    .string(min: 1, max: 20),
                    "How many bytes come; needed without Content-Range."
                ),
                Parameter("content-digest", .string(min: 1, max: 1_000), "sha-256=:…: of these bytes."),
                Parameter("repr-digest", .string(min: 1, max: 1_000), "sha-256=:…: of the whole file."),
            ],
            body: .stream(mediaType: "application/octet-stream", limit: StagingArea.fileLimit),
            answers: [
                AnswerRule(200, "The part is on disk; more is to come.", Self.stagedFile),
                AnswerRule(201, "The file is whole and on disk.", Self.stagedFile),
            ],
            problems: ["rejected.invalid", "rejected.conflict", "body.too-large", "storage", "storage.full"]
        ) { call in
            try await receive(call)
        }
    }

    private func receive(_ call: Call) async throws -> Answer {
        let range = try ContentRange(call)
        guard range.total <= StagingArea.fileLimit else {
            throw Problem(
                ProblemCatalogue.tooLarge,
                "A file has at most \(StagingArea.fileLimit) bytes.",
                facts: ["limit": .integer(StagingArea.fileLimit)]
            )
        }
        let (digest, whole) = (
            try DigestField.sha256("content-digest", of: call), try DigestField.sha256("repr-digest", of: call)
        )
        let (store, version, name) = (home.models, call.path["version"] ?? "", call.path["name"] ?? "")
        let part = try await home.blocking {
            let version = try store.requireFree(version)
            return try store.staging.part(name, of: version, at: range.first, expecting: range.count)
        }
        do {
            try await call.stream.parts(of: 1 << 20) { bytes in
                guard part.count + bytes.count <= range.count else { throw Self.otherLength(range, part, "more") }
                try await home.blocking { try part.append(bytes) }
            }
        } catch {
            // What came before a connection broke can be gone on with; what was refused is as if it had not come.
            let isRefused = error is Problem || error is FileFault
            try? await home.blocking { isRefused ? try part.takeBack() : try part.keep() }
            throw error
        }
        return try await home.blocking { try Self.settle(part, name, range, digest: digest, whole: whole) }
    }

    private static func settle(
        _ part: StagedPart,
        _ name: String,
        _ range: ContentRange,
        digest: String?,
        whole: String?
    ) throws -> Answer {
        guard part.count == range.count else {
            try part.keep()
            throw otherLength(range, part, "only \(part.count)")
        }
        if let digest, digest != part.digest {
            try part.takeBack()
            throw Problem(
                ControlProblems.invalid,
                "The bytes that came have another SHA-256 than their Content-Digest says.",
                facts: [
                    "rule": "upload.digest", "field": "content-digest", "limit": .string(digest),
                    "actual": .string(part.digest),
                ],
                hint: "send this part again"
            )
        }
        let received = range.first + range.count
        var members: [String: JSONValue] = ["name": .string(name), "received": .integer(received)]
        let isComplete = received == range.total
        members["complete"] = .bool(isComplete)
        if isComplete { members["sha256"] = .string(try part.complete(sha256: whole)) } else { try part.keep() }
        return .json(.object(members), status: isComplete ? 201 : 200)
    }

    private static func otherLength(_ range: ContentRange, _ part: StagedPart, _ words: String) -> Problem {
        Problem(
            ControlProblems.invalid,
            "\(range.count) bytes were to come, and \(words) came.",
            facts: ["rule": "upload.length", "field": "content-length"],
            hint: "ask /staged what is there, and go on from that byte"
        )
    }

    private var staged: Route {
        Route(
            .get,
            "/api/v1/models/{version}/staged",
            "What was sent for a version and is not registered yet",
            access: .requires(.train),
            path: [ModelRoutes.version],
            answers: [
                AnswerRule(
                    200,
                    "The files, by name; none where nothing was sent.",
                    .object([
                        Schema.Member("items", .array(Self.stagedFile, max: 2 * StagingArea.mostFiles), "The files.")
                    ])
                )
            ],
            problems: ["rejected.invalid", "storage"]
        ) { call in
            let version = try ModelVersion.checked(call.path["version"] ?? "")
            let store = home.models
            let waiting = try await home.blocking { try store.staging.waiting(for: version) } ?? []
            let items = waiting.map { file -> JSONValue in
                ["name": .string(file.name), "received": .integer(file.received), "complete": .bool(file.isComplete)]
            }
            return .json(["items": .array(items)])
        }
    }

    private var discard: Route {
        Route(
            .delete,
            "/api/v1/models/{version}/staged",
            "Throw away what was sent for a version and is not registered",
            access: .requires(.train),
            path: [ModelRoutes.version],
            answers: [AnswerRule(204, "Nothing of it is there any more.", nil)],
            problems: ["rejected.invalid", "rejected.unknown", "rejected.conflict", "storage"]
        ) { call in
            let version = try ModelVersion.checked(call.path["version"] ?? "")
            let store = home.models
            let wasThere = try await home.blocking {
                try store.staging.discard(version, under: try store.staging.close(version))
            }
            guard wasThere else { throw Problem(ControlProblems.unknown, "Nothing was sent for \(version).") }
            return Answer(status: 204)
        }
    }

    // MARK: - Reading back

    private var files: Route {
        Route(
            .get,
            "/api/v1/models/{version}/files",
            "The files of a registered version, as its manifest lists them",
            access: .requires(.read),
            path: [ModelRoutes.version],
            answers: [
                AnswerRule(
                    200,
                    "The files, by name.",
                    .object([
                        Schema.Member("manifest_sha256", .string(max: 64), "The manifest's digest, as the log has it."),
                        Schema.Member(
                            "items",
                            .array(
                                .object([
                                    Schema.Member("name", .string(max: 100), "The file's name."),
                                    Schema.Member("size", .position, "Its bytes."),
                                    Schema.Member("sha256", .string(max: 64), "Its digest."),
                                    Schema.Member(
                                        "role",
                                        .choice(FileRole.allCases.map(\.rawValue)),
                                        "What it is for."
                                    ),
                                ]),
                                max: 10_000
                            ),
                            "The files; manifest.json itself can be read beside them."
                        ),
                    ])
                )
            ],
            problems: ["rejected.invalid", "rejected.unknown", "model.altered", "storage"]
        ) { call in
            let (store, version) = (home.models, call.path["version"] ?? "")
            return try await home.blocking {
                let folder = try store.registered(version)
                let items = try folder.manifest().files.map { file -> JSONValue in
                    [
                        "name": .string(file.name), "size": .integer(file.size), "sha256": .string(file.sha256),
                        "role": .string(file.role.rawValue),
                    ]
                }
                return .json(["manifest_sha256": .string(folder.event.manifestSha256), "items": .array(items)])
            }
        }
    }

    private var file: Route {
        Route(
            .get,
            "/api/v1/models/{version}/files/{name}",
            "One file of a registered version",
            details:
                "Its bytes are compared with the manifest before the first of them is sent; an altered file is refused. The ETag is "
                + "its SHA-256.",
            access: .requires(.read),
            path: [ModelRoutes.version, Self.name],
            headers: [
                Parameter("range", .string(min: 1, max: 200), "bytes=first-last; one range."),
                Parameter("if-range", .string(min: 1, max: 200), "The range only while the ETag is this one."),
                Parameter("if-none-match", .string(min: 1, max: 200), "Answer 304 if the ETag is still this one."),
            ],
            answers: [
                AnswerRule(200, "The file.", nil, mediaType: "application/octet-stream"),
                AnswerRule(206, "The part of it that Range asks for.", nil, mediaType: "application/octet-stream"),
                AnswerRule(304, "It is still that file.", nil),
            ],
            problems: ["rejected.invalid", "rejected.unknown", "model.altered", "range", "storage"]
        ) { call in
            let (store, version, name) = (home.models, call.path["version"] ?? "", call.path["name"] ?? "")
            guard let file = try await home.blocking({ try store.file(name, of: version) }) else {
                throw Problem(ControlProblems.unknown, "\(version) has no file \(name).")
            }
            return try answer(file, name, call)
        }
    }

    private func answer(_ file: ListedFile, _ name: String, _ call: Call) throws(Problem) -> Answer {
        let tag = "\"\(file.sha256)\""
        var fields = ["ETag": tag, "Cache-Control": "private, no-cache"]
        if call.headers["if-none-match"] == tag { return Answer(status: 304, headers: fields) }
        let mayBePart = call.headers["if-range"].map { $0 == tag } ?? true
        let bytes: Range<Int>
        var status = 200
        switch AskedRange(mayBePart ? call.headers["range"] : nil, size: file.size) {
        case .whole: bytes = 0..<file.size
        case .part(let part):
            bytes = part
            status = 206
            fields["Content-Range"] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.size)"
        case .outside:
            throw Problem(
                ControlProblems.range,
                "The file has \(file.size) bytes.",
                facts: ["limit": .integer(file.size)],
                headers: ["Content-Range": "bytes */\(file.size)"]
            )
        }
        fields["Accept-Ranges"] = "bytes"
        fields["Content-Length"] = "\(bytes.count)"
        fields["Content-Disposition"] = "attachment; filename=\"\(name)\""
        fields["Repr-Digest"] = DigestField.text(file.sha256)
        return Answer(
            status: status,
            headers: fields,
            body: .stream(type: "application/octet-stream") { sink in try await write(file, bytes, to: sink) }
        )
    }

    private func write(_ file: ListedFile, _ bytes: Range<Int>, to sink: BodySink) async throws {
        var offset = bytes.lowerBound
        while offset < bytes.upperBound {
            let (from, count) = (offset, min(1 << 18, bytes.upperBound - offset))
            let part = try await home.blocking {
                let part = try file.read(at: from, count: count)
                // Nothing leaves that is not what was compared: the client sees a body that ends too early.
                guard part.count == count, try file.isUnchanged() else {
                    throw Problem(ControlProblems.altered, "\(file.path) was altered while it was sent.")
                }
                return part
            }
            try await sink.write(part)
            offset += count
        }
    }
}
