internal import Foundation
internal import RoutingModel

/// A part of the made plant.
struct Part: Sendable {
    struct Step: Sendable {
        let operation: Plant.Operation
        let setup: Double
        let run: Double
    }

    let index: Int
    let code: String
    let name: String
    let family: Plant.Family
    let material: Plant.Material
    /// Millimetres.
    let diameter: Double
    let width: Double
    let length: Double
    /// Kilograms.
    let weight: Double
    let tolerance: Double
    let hardness: Int?
    let holes: Int
    let isThreaded: Bool
    let surface: String

    init(_ index: Int, _ random: inout SeededRandom) {
        func pick<Element>(_ elements: [Element]) -> Element { elements[Int(random.next() % UInt64(elements.count))] }
        func within(_ range: ClosedRange<Double>) -> Double {
            // Small parts are commoner than large ones.
            let value = exp(log(range.lowerBound) + random.unit() * log(range.upperBound / range.lowerBound))
            return (value * 10).rounded() / 10
        }
        self.index = index
        family = pick(Plant.families)
        material = pick(Plant.materials)
        diameter = within(family.diameter)
        width = family.isTurned ? diameter : within(family.diameter)
        length = within(family.length)
        let litres = family.isTurned ? .pi / 4 * diameter * diameter * length : diameter * width * length
        weight = litres / 1_000_000 * material.density
        tolerance = pick([0.005, 0.01, 0.02, 0.05, 0.05, 0.1, 0.1])
        hardness = material.canHarden && random.unit() < 0.4 ? 50 + Int(random.next() % 13) : nil
        holes = family.mostHoles == 0 ? 0 : Int(random.next() % (family.mostHoles + 1))
        isThreaded = random.unit() < (holes > 0 ? 0.5 : 0.15)
        surface = random.unit() < 0.55 ? "NONE" : pick(["ZN", "CR", "ANO", "BLK"])
        code = String(format: "%@-%@-%05d", String(family.name.prefix(2)), String(material.name.prefix(3)), index)
        name = "\(family.title) \(Int(diameter))x\(Int(length))"
    }

    /// The operations that the part needs, and how long each takes here.
    func routing(noise: Double, _ random: inout SeededRandom) -> [Step] {
        var codes = ["OP010"]
        if family.isTurned { codes.append("OP020") }
        if !family.isTurned || (family.name == "FLANGE" && holes > 6) { codes.append("OP030") }
        if family.name == "GEAR" { codes.append("OP100") }
        if holes > 0, family.isTurned { codes.append("OP040") }
        if isThreaded { codes.append("OP050") }
        if family.name == "HOUSING", tolerance <= 0.01 { codes.append("OP060") }
        codes.append("OP120")
        if hardness != nil { codes.append("OP070") }
        if tolerance <= 0.02 { codes.append(family.isTurned ? "OP080" : "OP090") }
        if tolerance <= 0.005 { codes.append("OP110") }
        if surface != "NONE" { codes.append("OP130") }
        if weight > 0.2 { codes.append("OP140") }
        codes += ["OP150", "OP160"]
        disturb(&codes, noise, &random)
        return codes.compactMap { code in Plant.operations.first { $0.code == code } }
            .map { operation in
                let size = pow(max(weight, 0.01), 0.35)
                let detail = operation.group == "DRL" ? 0.4 + Double(holes) * 0.25 : 1
                let fine = operation.group == "GRD" ? pow(0.02 / tolerance, 0.4) : 1
                let tough = ["QC", "PKG", "OUT"].contains(operation.group) ? 1 : material.toughness
                let chance = exp(0.25 * noise * random.normal())
                return Step(
                    operation: operation,
                    setup: operation.setup * (0.8 + 0.4 * random.unit()),
                    run: operation.run * size * detail * fine * tough * chance
                )
            }
    }

    /// Habits of planners: an operation left out, put in, or two of them the other way round.
    private func disturb(_ codes: inout [String], _ noise: Double, _ random: inout SeededRandom) {
        if random.unit() < 0.10 * noise, let place = codes.firstIndex(of: "OP120") { codes.remove(at: place) }
        if random.unit() < 0.08 * noise { codes.insert("OP150", at: min(3, codes.count)) }
        if random.unit() < 0.06 * noise, codes.count > 4 {
            let place = 1 + Int(random.next() % UInt64(codes.count - 3))
            codes.swapAt(place, place + 1)
        }
        if random.unit() < 0.05 * noise { codes.removeAll { $0 == "OP140" } }
    }
}
