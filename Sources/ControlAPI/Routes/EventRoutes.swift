internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import Proofs
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// The log itself: pages, single events, what followed from them, proofs, tree heads and tiles.
struct EventRoutes: Sendable {
    let home: ControlHome
    private static let position = Parameter("position", .position, "The event's position.")

    var all: [Route] { [EventFeedRoute(home: home).route, one, proof, caused, treeHead, consistency, tile, entries] }

    private var one: Route {
        Route(
            .get,
            "/api/v1/events/{position}",
            "One event whole",
            access: .requires(.read),
            path: [Self.position],
            answers: [AnswerRule(200, "The event.", EventFeedRoute.event)],
            problems: ["rejected.unknown", "damaged", "storage"]
        ) { call in
            let (position, home) = (try Self.position(call), home)
            return try await home.blocking {
                let event = try home.event(at: position)
                return .json(try EventDocument.whole(event, name: home.name(event.actor.text)))
            }
        }
    }

    private var proof: Route {
        Route(
            .get,
            "/api/v1/events/{position}/proof",
            "The record and its inclusion proof",
            details:
                "The proof is a C2SP tlog-proof under a tree head signed by the log's key; `daybook` or verify_bundle.py checks it "
                + "offline.",
            access: .requires(.read),
            path: [Self.position],
            answers: [
                AnswerRule(
                    200,
                    "Record and proof.",
                    .object([
                        Schema.Member("position", .position, "The event's position."),
                        Schema.Member("record", .string(max: 100_000), "Base64 of the record."),
                        Schema.Member("tlog_proof", .string(max: 20_000), "The proof, as a file holds it."),
                    ])
                )
            ],
            problems: ["rejected.unknown", "damaged", "storage"]
        ) { call in
            let (position, home) = (try Self.position(call), home)
            return try await home.blocking {
                _ = try home.event(at: position)
                let proof = try EventProof(of: position, in: home.log, under: try home.log.giveOutTreeHead())
                return .json([
                    "position": .integer(Int(position)),
                    "record": .string(Data(proof.record).base64EncodedString()),
                    "tlog_proof": .string(proof.proof.text),
                ])
            }
        }
    }

    private var caused: Route {
        Listing<AuditRow>.route(
            "/api/v1/events/{position}/caused",
            "What followed from an event: its chain of commands",
            home,
            path: [Self.position],
            people: ["actor"]
        ) { db, request in
            guard let position = request.values["position"].flatMap({ Int($0) }),
                let chain = try Audit.correlation(db, at: position)
            else { throw Problem(ControlProblems.unknown, "The event is not in the rows yet.") }
            var filter = AuditFilter()
            filter.correlation = chain
            filter.from = position + 1
            let page = try Audit.page(
                db,
                filter,
                newestFirst: false,
                after: request.afterPosition,
                limit: request.limit
            )
            return Listing.Page(page.rows, next: page.next.map { "\($0)" })
        }
    }

    private var treeHead: Route {
        Route(
            .get,
            "/api/v1/tree-head",
            "The newest signed tree head",
            access: .requires(.read),
            answers: [
                AnswerRule(
                    200,
                    "The head, and the same as a note to carry away.",
                    .object([
                        Schema.Member("origin", .string(max: 200), "The log's name."),
                        Schema.Member("size", .position, "How many events it covers."),
                        Schema.Member("root", .string(max: 64), "The root hash, hexadecimal."),
                        Schema.Member("note", .string(max: 4_096), "The signed note."),
                    ])
                )
            ],
            problems: ["damaged", "storage"]
        ) { _ in
            let home = home
            return try await home.blocking {
                let head = try home.log.giveOutTreeHead()
                return .json([
                    "origin": .string(head.head.origin), "size": .integer(Int(head.head.size)),
                    "root": .string(head.head.root.hexadecimal), "note": .string(head.note),
                ])
            }
        }
    }

    private var consistency: Route {
        Route(
            .get,
            "/api/v1/consistency",
            "The proof that an earlier tree head is a beginning of the log",
            access: .requires(.read),
            query: [
                Parameter(
                    "from",
                    .integer(1...JSONValue.greatestInteger),
                    "The size of the earlier head.",
                    isRequired: true
                )
            ],
            answers: [
                AnswerRule(
                    200,
                    "The hashes between, and the head that they lead to.",
                    .object([
                        Schema.Member("from", .position, "The size of the earlier head."),
                        Schema.Member("proof", .string(max: 20_000), "The proof, as a file holds it."),
                        Schema.Member("note", .string(max: 4_096), "The newer head."),
                    ])
                )
            ],
            problems: ["rejected.invalid", "damaged", "storage"]
        ) { call in
            let (from, home) = (call.query["from"].flatMap { UInt64($0) } ?? 1, home)
            return try await home.blocking {
                let head = try home.log.giveOutTreeHead()
                guard from <= head.head.size else {
                    throw Problem(
                        ControlProblems.invalid,
                        "The log has \(head.head.size) events and no head of \(from).",
                        facts: ["field": "from", "limit": .string("1 to \(head.head.size)")]
                    )
                }
                let proof = try ConsistencyProof(from: from, to: head.head.size, tiles: home.log)
                return .json([
                    "from": .integer(Int(from)), "proof": .string(proof.text), "note": .string(head.note),
                ])
            }
        }
    }

    private var tile: Route {
        Route(
            .get,
            "/api/v1/tile/{level}/{index}",
            "A tile of the Merkle tree, as C2SP tlog-tiles has it",
            access: .requires(.read),
            path: [
                Parameter("level", .integer(0...7), "The level of tiles, from 0."),
                Parameter("index", .position, "The tile's number in its level."),
            ],
            query: [Parameter("width", .integer(1...256), "How many hashes; 256 unless said.")],
            answers: [AnswerRule(200, "32 bytes for each hash.", nil)],
            problems: ["rejected.unknown", "damaged", "storage"]
        ) { call in
            let (level, index) = (Int(call.path["level"] ?? "") ?? 0, UInt64(call.path["index"] ?? "") ?? 0)
            let (width, home) = (call.query["width"].flatMap { Int($0) } ?? 256, home)
            return try await home.blocking {
                let head = try home.log.head().size
                let covered = level == 0 ? head : head >> (8 * UInt64(level))
                guard index.multipliedReportingOverflow(by: 256).overflow == false,
                    index * 256 + UInt64(width) <= covered
                else { throw Problem(ControlProblems.unknown, "The tree has no such tile of \(width) hashes yet.") }
                let bytes = try home.log.tile(level: level, index: index, width: width)
                return Answer(
                    headers: width == 256 ? ["Cache-Control": "private, max-age=31536000, immutable"] : [:],
                    body: .bytes(bytes, type: "application/octet-stream")
                )
            }
        }
    }

    private var entries: Route {
        Route(
            .get,
            "/api/v1/tile/entries/{index}",
            "The records of 256 positions, each with its length before it",
            access: .requires(.read),
            path: [Parameter("index", .position, "The tile's number.")],
            query: [Parameter("width", .integer(1...256), "How many records; 256 unless said.")],
            answers: [AnswerRule(200, "Two bytes of length and the record, for each.", nil)],
            problems: ["rejected.unknown", "damaged", "storage"]
        ) { call in
            let (index, home) = (UInt64(call.path["index"] ?? "") ?? 0, home)
            let width = call.query["width"].flatMap { UInt64($0) } ?? 256
            return try await home.blocking {
                let (first, isTooLarge) = index.multipliedReportingOverflow(by: 256)
                guard !isTooLarge, first + width <= (try home.log.head().size) else {
                    throw Problem(ControlProblems.unknown, "The log has no such tile of \(width) records yet.")
                }
                var bytes: [UInt8] = []
                for event in try home.log.page(from: first, limit: Int(width)).events.prefix(Int(width)) {
                    bytes += [UInt8(event.record.count >> 8), UInt8(event.record.count & 0xff)]
                    bytes += event.record
                }
                return Answer(body: .bytes(bytes, type: "application/octet-stream"))
            }
        }
    }

    private static func position(_ call: Call) throws(Problem) -> Position {
        guard let position = Position(call.path["position"] ?? "") else {
            throw Problem(ControlProblems.unknown, "The log has no such position.")
        }
        return position
    }
}

extension ControlHome {
    /// The event at a position; throws a problem behind the head.
    func event(at position: Position) throws -> RecordedEvent {
        let head = try log.head().size
        guard position < head, let event = try log.page(from: position, limit: 1).events.first else {
            throw Problem(
                ControlProblems.unknown,
                "Position \(position) is not in the log.",
                facts: ["limit": .string("0 to \(head - min(1, head))")]
            )
        }
        return event
    }

    /// Returns once the log is longer than `position`, or the time is over.
    func growth(past position: Position, within time: Duration) async {
        let log = log
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let signals = log.growth()
                if (try? log.head().size) ?? 0 > position { return }
                for await _ in signals where (try? log.head().size) ?? 0 > position { return }
            }
            group.addTask { try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
    }
}
