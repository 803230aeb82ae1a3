import Testing

@testable import ControlAPI

@Suite("Declared answers") struct DeclaredAnswerTests {
    @Test("an answer that its route does not declare is found: a status, a problem, a shape")
    func control() async throws {
        try await RunningHome.with { home in
            let json = ["content-type": "application/json"]
            let undeclared = [
                Received(status: 202, headers: json, bytes: []),
                Received(status: 409, headers: json, bytes: Array(#"{"type": "urn:daybook:model.altered"}"#.utf8)),
                Received(status: 200, headers: json, bytes: Array(#"{"items": [], "head": 1, "more": 2}"#.utf8)),
            ]
            for received in undeclared {
                withKnownIssue { home.checkAgainstItsRoute("GET", "/api/v1/projections", received) }
            }
            let declared = Received(status: 200, headers: json, bytes: Array(#"{"items": [], "head": 1}"#.utf8))
            home.checkAgainstItsRoute("GET", "/api/v1/projections", declared)
        }
    }
}
