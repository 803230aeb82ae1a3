import PlantTables
import Testing

@Suite("Tables of typed columns")
struct PlantTableTests {
    @Test("A text column keeps each word once, and rows without one apart from empty ones")
    func texts() {
        let column = TextColumn(["S45C", nil, "", "S45C", "품목"])
        #expect(column.words == ["S45C", "", "품목"])
        #expect(column.codes == [0, -1, 1, 0, 2])
        #expect(column[1] == nil && column[2] == "" && column[4] == "품목")
        #expect(column.code(of: "S45C") == 0 && column.code(of: "none") == nil)
    }

    @Test("Codes without a word, and words that stand twice, make no column")
    func refused() {
        #expect(TextColumn(words: ["a"], codes: [0, -1]) != nil)
        #expect(TextColumn(words: ["a"], codes: [1]) == nil)
        #expect(TextColumn(words: ["a"], codes: [-2]) == nil)
        #expect(TextColumn(words: ["a", "a"], codes: [0]) == nil)
    }

    @Test("A column is found by its name and type; a missing number equals itself")
    func columns() {
        let table = PlantTable("T", rowCount: 2, columns: ["A": .numbers([1, .nan]), "B": .truths([-1, 1])])
        #expect(table.numbers("A")?.count == 2 && table.texts("A") == nil && table.numbers("C") == nil)
        #expect(table == PlantTable("T", rowCount: 2, columns: ["A": .numbers([1, .nan]), "B": .truths([-1, 1])]))
        #expect(table != PlantTable("T", rowCount: 2, columns: ["A": .numbers([1, 0]), "B": .truths([-1, 1])]))
    }
}
