internal import CanonicalJSON
internal import DurableFiles
internal import Foundation
internal import Glibc
internal import RoutingDomain
internal import Serving
internal import Synchronization

/// What jobs made, streamed: whole or one range of it, with its digest.
struct JobFileRoutes: Sendable {
    let home: ControlHome

    var all: [Route] {
        [
            Route(
                .get,
                "/api/v1/jobs/{job}/files/{name}",
                "A file that a job made",
                details:
                    "Repr-Digest is the SHA-256 of the whole file, ETag the same. One range of bytes can be asked for; other forms of "
                    + "Range give the whole. A backup needs maintain.",
                access: .requires(.export),
                path: [
                    JobRoutes.job,
                    Parameter("name", .string(min: 1, max: 300), "The file's name, as the job lists it."),
                ],
                headers: [
                    Parameter("range", .string(max: 200), "bytes=first-last, bytes=first- or bytes=-count."),
                    Parameter("if-range", .string(max: 200), "The range only if the file still has this ETag."),
                    Parameter("if-none-match", .string(max: 1_000), "Answer 304 if it has this ETag."),
                ],
                answers: [
                    AnswerRule(200, "The file.", nil, mediaType: "application/octet-stream"),
                    AnswerRule(206, "The range.", nil, mediaType: "application/octet-stream"),
                    AnswerRule(304, "It is the one that the caller has.", nil),
                ],
                problems: ["rejected.unknown", "auth.forbidden", "gone", "range", "storage"]
            ) { call in
                try await answer(call)
            }
        ]
    }

    private func answer(_ call: Call) async throws -> Answer {
        let (job, name) = (call.path["job"] ?? "", call.path["name"] ?? "")
        let state = try await JobDocument(home: home).state(job)
        if let needed = state.request?.kind.permission, !JobRoutes.holds(needed, call) {
            throw JobRoutes.forbidden(needed)
        }
        let folders = home.jobs.folders
        guard let file = try await home.blocking({ folders.files(job).first { $0.name == name } }) else {
            guard state.status == .done else { throw Problem(ControlProblems.unknown, "The job has no such file.") }
            throw Problem(
                ControlProblems.gone,
                "The job made no such file, or it is no longer kept.",
                hint: "do the job again"
            )
        }
        let tag = "\"\(file.sha256)\""
        var headers = [
            "ETag": tag, "Accept-Ranges": "bytes", "Repr-Digest": Self.digest(file.sha256),
            "Cache-Control": "private, no-cache",
            "Content-Disposition": "attachment; filename=\"\(file.name)\"",
        ]
        if let known = call.headers["if-none-match"],
            known == "*" || known.split(separator: ",").contains(where: { $0.trimmed == tag })
        {
            return Answer(status: 304, headers: headers)
        }
        let isSame = call.headers["if-range"].map { $0 == tag } ?? true
        let asked = isSame ? call.headers["range"].flatMap { ByteRange($0, size: file.size) } : nil
        if asked == .outside {
            throw Problem(
                ControlProblems.range,
                "The file has \(file.size) bytes.",
                facts: ["size": .integer(file.size)],
                headers: ["Content-Range": "bytes */\(file.size)"]
            )
        }
        var range = 0..<file.size
        if case .within(let part) = asked {
            range = part
            headers["Content-Range"] = "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.size)"
        } else {
            headers["Content-Digest"] = headers["Repr-Digest"]
        }
        headers["Content-Length"] = "\(range.count)"
        let reader = try await home.blocking { [range] in try RangeReader("\(folders.out(job))/\(name)", range) }
        return Answer(
            status: asked == nil ? 200 : 206,
            headers: headers,
            body: .stream(type: Self.type(of: name)) { sink in
                while let part = try await BlockingWork.run({ try reader.next() }) { try await sink.write(part) }
            }
        )
    }

    /// RFC 9530: `sha-256=:…:`.
    private static func digest(_ sha256: String) -> String {
        "sha-256=:\(Data([UInt8](hexadecimal: sha256) ?? []).base64EncodedString()):"
    }

    private static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "tar": "application/x-tar"
        case "csv": "text/csv; charset=utf-8"
        case "jsonl": "application/x-ndjson"
        case "md": "text/markdown; charset=utf-8"
        case "pdf": "application/pdf"
        // Also a page: it is to be kept, not shown by this service's own origin.
        default: "application/octet-stream"
        }
    }
}

/// One range of bytes as `Range` asks for it; nil for whatever a server may ignore.
enum ByteRange: Equatable {
    case within(Range<Int>)
    /// Nothing of it is in the file.
    case outside

    init?(_ text: String, size: Int) {
        guard let match = text.wholeMatch(of: /bytes=([0-9]{0,15})-([0-9]{0,15})/) else { return nil }
        switch (Int(match.output.1), Int(match.output.2)) {
        case (nil, nil): return nil
        case (nil, let count?): self = count == 0 || size == 0 ? .outside : .within(max(0, size - count)..<size)
        case (let first?, let last):
            if let last, last < first { return nil }
            self = first >= size ? .outside : .within(first..<min(size, (last ?? size - 1) + 1))
        }
    }
}

/// Reads a range of a file part by part; the file stays the one that was opened.
private final class RangeReader: Sendable {
    private let file: Int32
    private let range: Range<Int>
    private let place: Mutex<Int>

    init(_ path: String, _ range: Range<Int>) throws {
        file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { throw FileFault("open", path: path) }
        self.range = range
        place = Mutex(range.lowerBound)
    }

    deinit { close(file) }

    /// The next part; nil at the end.
    func next() throws -> [UInt8]? {
        try place.withLock { next in
            let length = min(256 << 10, range.upperBound - next)
            guard length > 0 else { return nil }
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
                count = pread(file, buffer.baseAddress, length, off_t(next))
                filled = max(0, count)
            }
            guard count > 0 else {
                throw FileFault("read", path: "a file of a job", errorNumber: count == 0 ? EIO : errno)
            }
            next += count
            return bytes
        }
    }
}

extension Substring {
    fileprivate var trimmed: Substring { drop { $0 == " " }.prefix { $0 != " " } }
}
