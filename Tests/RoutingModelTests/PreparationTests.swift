import Foundation
import MadeTables
import PlantTables
import RoutingModel
import PlantSamples
import Testing

@Suite("From tables to parts with routings")
struct PreparationTests {
    private func texts(_ values: String?...) -> PlantColumn { .texts(TextColumn(values)) }

    private var tables: [String: PlantTable] {
        [
            "ItemMaster": PlantTable(
                "ItemMaster",
                rowCount: 5,
                columns: ["ITEM_CD": texts("A", "B", "A", nil, "C"), "LENGTH_MM": .numbers([1, 2, 3, 4, 5])]
            ),
            "RoutingOperation": PlantTable(
                "RoutingOperation",
                rowCount: 9,
                columns: [
                    "ITEM_CD": texts("A", "A", "A", "A", "GONE", "B", "B", "B", "B"),
                    "ROUTING_NO": texts("01", "01", "01", "02", "01", "01", "01", "01", "01"),
                    "OP_SEQ": .numbers([20, 10, 20, 10, 10, 3, 2, 1, .nan]),
                    "OP_CD": texts("OP2", "OP1", "OP2", "OP9", "OP1", "OP3", "OP2", "OP1", "OP4"),
                    "RUN_MIN_PER_EA": .numbers([2, 1, 2, 9, 1, -3, 0, 1, 1]),
                    "SETUP_MIN": .numbers([0, 5, 0, 1, 1, -1, 2, .nan, 1]),
                    "OUTSOURCE_YN": .truths([0, 0, 0, 0, 0, 0, 0, 1, 0]),
                ]
            ),
        ]
    }

    @Test("Routings come in order, of the first routing; what is twice, orphaned or cut is left out and counted")
    func master() throws {
        let set = try Preparation.prepare(tables, Preparation.Settings(zLimit: nil))
        #expect(set.items == ["A", "B", "C"] && set.parts.numbers("LENGTH_MM") == [1, 2, 5])
        let codes = { (part: Int) in set.routings[part].map { set.operations.codes[Int($0)] } }
        #expect(codes(0) == ["OP1", "OP2"] && codes(1) == ["OP1", "OP2", "OP3"] && codes(2).isEmpty)
        #expect(
            set.report.findings == [
                .itemTwice: 1, .itemWithoutCode: 1, .orphanOperation: 1, .incompleteOperation: 1, .operationTwice: 1,
                .otherRouting: 1, .outsourced: 1, .noTime: 2, .itemWithoutRouting: 1,
            ]
        )
        let steps = set.routings.steps(of: 1)
        #expect(steps[0].run.isNaN && steps[0].setup.isNaN, "outsourced")
        #expect(steps[1].run.isNaN && steps[1].setup == 2, "a run of no minutes was not recorded")
        #expect(steps[2].setup.isNaN, "no set-up is negative")
        #expect(set.routings.steps(of: 0)[1].setup == 0, "no set-up is a set-up of no minutes")
    }

    @Test("What a model cannot do without is named")
    func refused() {
        #expect(throws: RoutingModelFault.self) { try Preparation.prepare([:]) }
        var without = tables
        without["RoutingOperation"] = nil
        let fault = #expect(throws: RoutingModelFault.self) { try Preparation.prepare(without) }
        #expect(fault?.message.contains("0 of 3 parts have a routing") == true)
        var lacking = tables
        lacking["RoutingOperation"] = PlantTable("RoutingOperation", rowCount: 1, columns: ["ITEM_CD": texts("A")])
        let column = #expect(throws: RoutingModelFault.self) { try Preparation.prepare(lacking) }
        #expect(column?.message == "RoutingOperation has no column OP_SEQ")
    }

    @Test("Without a routing table routings are those of the reports: first occurrence, minutes by the piece")
    func derived() throws {
        let hour: Int64 = 3_600_000_000
        let set = try Preparation.prepare([
            "ItemMaster": PlantTable("ItemMaster", rowCount: 2, columns: ["ITEM_CD": texts("A", "B")]),
            "WorkOrder": PlantTable(
                "WorkOrder",
                rowCount: 2,
                columns: ["WO_NO": texts("1", "2"), "ITEM_CD": texts("A", "B"), "ORDER_QTY": .numbers([10, 4])]
            ),
            "WorkResult": PlantTable(
                "WorkResult",
                rowCount: 8,
                columns: [
                    "WO_NO": texts("1", "1", "1", "1", "1", "2", "2", "9"),
                    "OP_CD": texts("OP2", "OP1", "OP2", "OP1", "OP1", "OP1", "OP3", "OP1"),
                    "START_DT": .moments([3, 1, 4, 0, 1, 1, 2, 1].map { $0 * hour }),
                    "END_DT": .moments([4, 2, 5, 1, 2, 2, 3, 2].map { $0 * hour }),
                    "WORK_MIN": .numbers([50, 20, 30, 6, 20, 8, 0, 1]),
                    "REPORT_TYPE": texts("D", "D", "D", "S", "D", "D", "B", "D"),
                ]
            ),
        ])
        let codes = { (part: Int) in set.routings[part].map { set.operations.codes[Int($0)] } }
        #expect(codes(0) == ["OP1", "OP2"] && codes(1) == ["OP1"])
        #expect(set.routings.steps(of: 0).map(\.run) == [2, 8] && set.routings.steps(of: 0)[0].setup == 6)
        #expect(set.parts.numbers("ORDER_QTY") == [10, 4])
        #expect(set.parts.moments("REG_DT") == [0, hour], "undated parts are as old as their first work")
        #expect(set.report.findings == [.resultTwice: 1, .stopReport: 1, .orphanResult: 1])
        #expect(set.report.fromResults == 2)
    }

    @Test(
        "Minutes of next to nothing or beyond a year and orders beyond all bounds are not used, and counted; a year to the minute is"
    )
    func implausible() throws {
        let year = 525_600.0
        var master = tables
        master["RoutingOperation"] = PlantTable(
            "RoutingOperation",
            rowCount: 4,
            columns: [
                "ITEM_CD": texts("A", "A", "B", "B"), "OP_SEQ": .numbers([1, 2, 1, 2]),
                "OP_CD": texts("OP1", "OP2", "OP1", "OP2"),
                "RUN_MIN_PER_EA": .numbers([1e160, year, 1e-300, .infinity]),
                "SETUP_MIN": .numbers([1e308, year, year + 1, 0]),
            ]
        )
        let set = try Preparation.prepare(master, Preparation.Settings(zLimit: nil))
        let (first, second) = (set.routings.steps(of: 0), set.routings.steps(of: 1))
        #expect(first[0].run.isNaN && first[0].setup.isNaN && first[1].run == year && first[1].setup == year)
        #expect(second[0].setup.isNaN && second[0].run.isNaN && second[1].run.isNaN && second[1].setup == 0)
        #expect(set.report.findings[.implausibleTime] == 5)

        let day: Int64 = 86_400_000_000
        let derived = try Preparation.prepare([
            "ItemMaster": PlantTable("ItemMaster", rowCount: 3, columns: ["ITEM_CD": texts("A", "B", "C")]),
            "WorkOrder": PlantTable(
                "WorkOrder",
                rowCount: 3,
                columns: [
                    "WO_NO": texts("1", "2", "3"), "ITEM_CD": texts("A", "B", "C"),
                    "ORDER_QTY": .numbers([1, 1, 1e300]),
                ]
            ),
            "WorkResult": PlantTable(
                "WorkResult",
                rowCount: 3,
                columns: [
                    "WO_NO": texts("1", "2", "3"), "OP_CD": texts("OP1", "OP1", "OP1"),
                    "START_DT": .moments([0, 0, 0]), "END_DT": .moments([365 * day, 366 * day, day]),
                ]
            ),
        ])
        #expect(derived.routings.steps(of: 0).map(\.run) == [year])
        #expect(derived.routings.steps(of: 1)[0].run.isNaN && derived.routings.steps(of: 2)[0].run.isNaN)
        #expect(derived.report.findings[.implausibleTime] == 1 && derived.report.findings[.implausibleQuantity] == 1)
    }

    @Test("A made plant with every trap is prepared, and each trap is counted")
    func traps() throws {
        let traps = Set(SamplePlant.Trap.allCases).subtracting([.koreanNames, .textNumbers])
        let set = try Preparation.prepare(MadeTables.of(SamplePlant.Request(items: 400, seed: 3, traps: traps)))
        #expect(set.items.count == 400 && set.report.fromMaster == 400)
        for finding in [PreparationReport.Finding.orphanOperation, .operationTwice, .noTime, .outlier, .outsourced] {
            #expect(set.report.findings[finding, default: 0] > 0, "\(finding.name)")
        }
    }

    @Test("Cleaning finds the statistics of the definitions and the outliers, in each group")
    func statistics() {
        var random = SeededRandom(5)
        let values = (0..<5_000).map { _ in random.unit() < 0.01 ? Double.nan : exp(random.normal() * 0.5) }
        let codes = values.indices.map { _ in Int32(random.next() % 12) - 1 }
        let cleaning = TimeCleaning(values, Grouping(codes, count: 12), zLimit: 2.5, trimPercent: 2.5)
        #expect(cleaning.before[11] == nil && cleaning.after[11] == nil)
        var outliers: [Int32] = []
        for group in 0..<11 {
            let rows = values.indices.filter { codes[$0] == Int32(group) && !values[$0].isNaN }
            let own = rows.map { values[$0] }
            compare(cleaning.before[group], own.sorted())
            let (mean, deviation) = plain(own.map { log($0) })
            let away = { (row: Int) in abs(log(values[row]) - mean) / deviation }
            outliers += rows.filter { away($0) > 2.5 }.map { Int32($0) }
            let kept = rows.filter { away($0) <= 2.5 }.map { values[$0] }.sorted()
            let trimmed = Int(Double(kept.count) * 0.025)
            compare(cleaning.after[group], Array(kept.dropFirst(trimmed).dropLast(trimmed)))
        }
        #expect(!outliers.isEmpty && cleaning.outliers == outliers.sorted())
        let all = TimeCleaning(values, Grouping(codes, count: 12), zLimit: nil, trimPercent: 0)
        #expect(all.outliers.isEmpty && all.before == all.after && all.before == cleaning.before)
        #expect(Quantiles.of(sorted: [1, 2, 3, 4], 0.25) == 1.75 && Quantiles.median([]).isNaN)
    }

    private func compare(_ found: GroupStatistics?, _ own: [Double]) {
        let (mean, deviation) = plain(own)
        #expect(found?.count == own.count && found?.least == own.first && found?.greatest == own.last)
        #expect(abs((found?.mean ?? 0) / mean - 1) < 1e-12 && abs((found?.deviation ?? 0) / deviation - 1) < 1e-12)
        #expect(
            found?.quartile1 == Quantiles.of(sorted: own, 0.25) && found?.quartile3 == Quantiles.of(sorted: own, 0.75)
        )
        #expect(found?.median == Quantiles.of(sorted: own, 0.5))
    }

    /// Mean and deviation one number after the other.
    private func plain(_ values: [Double]) -> (mean: Double, deviation: Double) {
        let mean = values.reduce(0, +) / Double(values.count)
        return (mean, (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot())
    }

    @Test("The sums of eight numbers at a time are those of one at a time within 1e-12")
    func kernels() {
        var random = SeededRandom(7)
        for count in [1, 2, 7, 8, 9, 63, 1_000, 100_003] {
            for scale in [1e-9, 1, 1e9] {
                let values = (0..<count).map { _ in scale * (1 + random.unit()) }
                let (mean, deviation) = Kernels.meanAndDeviation(values)
                let (plainMean, plainDeviation) = count > 1 ? plain(values) : (values[0], 0)
                #expect(abs(mean / plainMean - 1) < 1e-12)
                #expect(deviation == plainDeviation || abs(deviation / plainDeviation - 1) < 1e-12)
            }
        }
        #expect(Kernels.meanAndDeviation([]) == (0, 0))
    }
}
