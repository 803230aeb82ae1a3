import RegistryFixture
import Testing

@testable import ReadModels

@Suite("Hostile text")
struct SafeTextTests {
    @Test("Every text becomes one printable line", arguments: HostileText.all)
    func oneLine(_ text: String) {
        for safe in [SafeText.oneLine(text), SafeText.markdown(text), SafeText.quoted(text)] {
            #expect(!safe.unicodeScalars.contains { SafeText.isHidden($0) })
        }
    }

    @Test("Markdown keeps no construct of its own")
    func markdown() {
        #expect(SafeText.markdown("[a](b) `c` *d* <e> | f") == "\\[a\\](b) \\`c\\` \\*d\\* \\<e> \\| f")
        #expect(SafeText.markdown("# h") == "\\# h")
        #expect(SafeText.markdown("1. x") == "1\\. x")
        #expect(SafeText.markdown("a_b _c_") == "a_b \\_c\\_")
        #expect(SafeText.markdown("&lt; & x") == "\\&lt; & x")
        #expect(SafeText.markdown("품목 a\nb") == "품목 a\\\\nb")
    }

    @Test("Different texts give different lines")
    func reversible() {
        #expect(SafeText.oneLine("a\nb") != SafeText.oneLine("a\\nb"))
        #expect(SafeText.oneLine("\u{1b}") != SafeText.oneLine("\\u{1b}"))
    }
}
