internal import CanonicalJSON
internal import CommandHandling
internal import EventStore
internal import Foundation
internal import ReadModels
internal import RoutingDomain
internal import Serving

/// Another person's agreement: request, grant, reject, withdraw.
struct ApprovalRoutes: Sendable {
    let home: ControlHome
    private var writing: Writing { Writing(home: home) }
    private static let approval = Parameter("approval", TaskRoutes.identifier, "The approval.")
    private static let people = ["requested_by", "decided_by"]

    var all: [Route] { [list, show, request, grant, reject, withdraw] }

    private var list: Route {
        Listing<ApprovalRow>.route(
            "/api/v1/approvals",
            "What waits for another person, oldest first, then what was decided, latest first",
            home,
            filters: [
                Parameter("status", .choice(["waiting", "granted", "rejected", "withdrawn"]), "Only these."),
                Parameter("sprint", TaskRoutes.identifier, "Only of this sprint or wave."),
            ],
            people: Self.people,
            after: .string(min: 2, max: 20, pattern: "[wd][0-9]+"),
            takesMoment: true
        ) { db, request in
            let rows = try Approvals.list(
                db,
                sprint: request.values["sprint"],
                status: request.values["status"],
                after: request.after,
                limit: request.limit + 1
            )
            return Listing.Page(rows, limit: request.limit, key: \.key)
        }
    }

    private var show: Route {
        Route.one(
            "/api/v1/approvals/{approval}",
            "One approval",
            home,
            of: ApprovalRow.self,
            path: [Self.approval],
            people: Self.people
        ) { db, call in
            try Approvals.show(db, call.path["approval"] ?? "")
        }
    }

    private var request: Route {
        Route.write(
            .post,
            "/api/v1/approvals",
            "Ask for another person's agreement",
            access: .requires(.operate),
            body: [
                Schema.Member("statement", .string(min: 1, max: 2_000), "What the approver is asked to agree to."),
                Schema.Member("subject", TaskRoutes.identifier, "What is to be approved, for example sprint-w0."),
                Schema.Member(
                    "approval",
                    TaskRoutes.identifier,
                    "Its identifier; else a short one is made.",
                    isOptional: true
                ),
                Schema.Member("sprint", TaskRoutes.identifier, "The sprint or wave it belongs to.", isOptional: true),
                Writing.optionalReason,
            ]
        ) { call in
            let id = try call.json["approval"]?.text ?? writing.shortIdentifier("a", call)
            let command = RequestApproval(
                approval: id,
                subject: call.text("subject"),
                statement: call.text("statement"),
                sprint: call.json["sprint"]?.text
            )
            return try await writing.send(command, call, read: "/api/v1/approvals/\(id)")
        }
    }

    private var grant: Route {
        answer(
            .grant,
            "Agree; the requester cannot",
            access: .requires(.approve),
            isSigned: true,
            body: [
                Schema.Member(
                    "meaning",
                    .string(min: 1, max: 2_000),
                    "What the signature means; \"approved\" unless said.",
                    isOptional: true
                ),
                Writing.optionalReason, Writing.password,
            ]
        )
    }

    private var reject: Route {
        answer(
            .reject,
            "Disagree, with a reason; the requester cannot",
            access: .requires(.approve),
            isSigned: true,
            body: [Writing.reason, Writing.password]
        )
    }

    private var withdraw: Route {
        answer(
            .withdraw,
            "Take one's own request back, with a reason",
            access: .requires(.operate),
            isSigned: false,
            body: [Writing.reason]
        )
    }

    private func answer(
        _ answer: AnswerApproval.Answer,
        _ summary: String,
        access: Access,
        isSigned: Bool,
        body: [Schema.Member]
    ) -> Route {
        Route.write(
            .post,
            "/api/v1/approvals/{approval}/\(answer.rawValue)",
            summary,
            details: isSigned ? "This is signed." : "",
            access: access,
            path: [Self.approval],
            body: body,
            problems: isSigned ? ["auth.password", "auth.throttled", "busy"] : []
        ) { call in
            let id = call.path["approval"] ?? ""
            let actor = try writing.sender(call, reason: nil).actor
            let meaning: String? =
                switch answer {
                case .grant: call.json["meaning"]?.text ?? "approved"
                case .reject: "rejected"
                case .withdraw: nil
                }
            return try await writing.send(
                AnswerApproval(approval: id, answer: answer, signer: actor.text),
                call,
                meaning: meaning,
                isSigned: isSigned,
                read: "/api/v1/approvals/\(id)"
            )
        }
    }
}
