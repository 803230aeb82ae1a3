import Extraction
import Foundation
import PlantTables
import Testing

/// The demo databases that are shared, through the Access driver.
struct RealSourceTests {
    @Test func `every row of the made plant's file arrives`() async throws {
        guard let path = ExtractionSetting.shared("gen_demo.accdb") else { return }
        let setting = try ExtractionSetting()
        let found = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(
            found.tables.mapValues(\.rowCount) == [
                "ItemMaster": 3000, "OperationCode": 16,
                "RoutingOperation": 22_629, "WorkOrder": 4136, "WorkResult": 29_236,
            ]
        )
    }

    @Test func `every row of the real plant's file arrives`() async throws {
        guard let path = ExtractionSetting.shared("levy_demo.accdb") else { return }
        let setting = try ExtractionSetting()
        let found = try await setting.extraction().run(SourceDescription(words: path), .plantSchema)
        #expect(found.tables["WorkOrder"]?.rowCount == 220)
        #expect(found.tables["WorkResult"]?.rowCount == 4503)
    }
}
