import Testing

@testable import Serving

@Suite("Traces by the letter of W3C Trace Context")
struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let id = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"

    @Test("A good traceparent is taken, and the answer names its trace and this request's part")
    func taken() throws {
        let context = TraceContext(["00-\(Self.trace)-00f067aa0ba902b7-01"], requestID: Self.id)
        #expect(context.traceID == Self.trace && context.isSampled)
        #expect(context.response == "00-\(Self.trace)-8293a4b5c6d7e8f9-01")
        let later = try #require(TraceContext.parse("cc-\(Self.trace)-00f067aa0ba902b7-00-what comes later"))
        #expect(later.trace == Self.trace && !later.isSampled)
        #expect(TraceContext.parse("01-\(Self.trace)-00f067aa0ba902b7-03")?.isSampled == true)
    }

    @Test(
        "Any other is ignored, and a new trace begins",
        arguments: [
            "", "00", "00-\(trace)-00f067aa0ba902b7-0", "00-\(trace)-00f067aa0ba902b7-01-x",
            "00-\(trace)-00f067aa0ba902b7-01 ", "ff-\(trace)-00f067aa0ba902b7-01", "0-\(trace)-00f067aa0ba902b7-01x",
            "00-\(trace.uppercased())-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-\(trace)-0000000000000000-01", "00-\(trace)_00f067aa0ba902b7-01", "cc-\(trace)-00f067aa0ba902b7-01x",
            "00-\(trace)-00f067aa0ba902b7-0g", "00-é\(trace.dropLast(2))-00f067aa0ba902b7-01",
        ]
    )
    func ignored(field: String) {
        let context = TraceContext([field], requestID: Self.id)
        #expect(context.traceID == "0a1b2c3d4e5f40718293a4b5c6d7e8f9" && !context.isSampled)
    }

    @Test("Two traceparents are none, and a request's identifier that is no UUID still gives a trace")
    func odd() {
        let good = "00-\(Self.trace)-00f067aa0ba902b7-01"
        #expect(TraceContext([good, good], requestID: Self.id).traceID != Self.trace)
        let other = TraceContext([], requestID: "r-1")
        #expect(TraceContext.parse("00-\(other.traceID)-\(other.spanID)-00")?.trace == other.traceID)
    }
}
