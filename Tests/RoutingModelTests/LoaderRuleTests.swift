import CanonicalJSON
import Testing

@testable import RoutingModel

@Suite("The loader's rule")
struct LoaderRuleTests {
    @Test(
        "The same version loads, a minor drift warns, another major version is refused",
        arguments: [
            ("1", "load"), ("1.0", "load"), ("1.1", "warn"), ("2", "refuse"), ("0.9", "refuse"), ("next", "warn"),
        ]
    )
    func schema(recorded: String, expected: String) {
        #expect(word(LoaderRule.verdict(MadeWith(schema: recorded))) == expected)
    }

    @Test(
        "So do the library of the index and scikit-learn, each within what is read here",
        arguments: [
            ("0.6.2", "load"), ("0.7.0", "load"), ("0.8.0", "load"), ("0.9.0", "warn"), ("0.5.2", "warn"),
            ("1.0.0", "refuse"),
        ]
    )
    func hnswlib(recorded: String, expected: String) {
        #expect(word(LoaderRule.verdict(MadeWith(hnswlib: recorded))) == expected)
        #expect(word(LoaderRule.verdict(MadeWith(kernel: "hnswlib \(recorded) l2-x"), kernel: nil)) == expected)
    }

    @Test(arguments: [
        ("1.9.1", "load"), ("0.20.4", "load"), ("1.0", "load"), ("1.10.0", "warn"), ("0.19.2", "warn"),
        ("2.0.0", "refuse"),
    ])
    func scikitLearn(recorded: String, expected: String) {
        #expect(word(LoaderRule.verdict(MadeWith(scikitLearn: recorded))) == expected)
    }

    @Test("Another distance of the same library warns and says both; an unknown kernel warns")
    func kernels() {
        let own = "hnswlib 0.6 l2-fma-8x4"
        #expect(LoaderRule.verdict(MadeWith(kernel: own), kernel: own) == .load)
        guard case .warn(let words) = LoaderRule.verdict(MadeWith(kernel: "hnswlib 0.6 l2-scalar"), kernel: own) else {
            Issue.record("another distance loads without a word")
            return
        }
        #expect(words.count == 1 && words[0].contains("l2-scalar") && words[0].contains("l2-fma-8x4"))
        #expect(word(LoaderRule.verdict(MadeWith(kernel: "faiss"), kernel: own)) == "warn")
    }

    @Test("One refusal outweighs all warnings, and all warnings are told; what is not recorded is no drift")
    func together() {
        let made = MadeWith(schema: "1.1", hnswlib: "0.9", scikitLearn: "1.12")
        guard case .warn(let words) = LoaderRule.verdict(made) else {
            Issue.record("three drifts are no warning")
            return
        }
        #expect(words.count == 3)
        var refused = made
        refused.scikitLearn = "3.0"
        #expect(word(LoaderRule.verdict(refused)) == "refuse")
        #expect(LoaderRule.verdict(MadeWith()) == .load)
        #expect(LoaderRule.verdict(MadeWith(metadata: ["hnsw": ["kernel": "hnswlib 0.6 x"]])) == .load)
    }

    private func word(_ verdict: LoaderVerdict) -> String {
        switch verdict {
        case .load: "load"
        case .warn: "warn"
        case .refuse: "refuse"
        }
    }
}
