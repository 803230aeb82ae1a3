internal import DurableFiles
internal import Foundation

/// The file of all routings: a header, then the columns of ``RoutingColumns``, little-endian, end to end.
///
/// `DBROUTE1`, the number of parts and of operations (8 bytes each), the places where parts begin (4 bytes each, one more than parts),
/// codes of operations (2 bytes each), set-up and run minutes (8 bytes each, NaN where unknown). Nothing follows.
enum RoutingFile {
    private static let magic = Array("DBROUTE1".utf8)

    static func bytes(of routings: RoutingColumns) -> [UInt8] {
        var bytes = magic
        bytes.reserveCapacity(24 + routings.count * 4 + routings.operations.count * 18)
        func add(_ number: some FixedWidthInteger) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        add(UInt64(routings.count))
        add(UInt64(routings.operations.count))
        for first in routings.firsts { add(UInt32(first)) }
        for operation in routings.operations { add(operation) }
        for minutes in routings.setup { add(minutes.bitPattern) }
        for minutes in routings.run { add(minutes.bitPattern) }
        return bytes
    }

    /// Reads and checks the bytes of a file; `operations` is the number of operations that codes may name.
    static func routings(_ bytes: [UInt8], operations: Int, path: String) throws(RoutingModelFault) -> RoutingColumns {
        func fault(_ message: String) -> RoutingModelFault {
            RoutingModelFault(.damaged, "\(path) \(message)", hint: "restore the version's folder from a backup")
        }
        guard bytes.count >= 24, Array(bytes[..<8]) == magic else { throw fault("is no file of routings") }
        func number<Number: FixedWidthInteger>(_ type: Number.Type, at place: Int) -> Number {
            Number(littleEndian: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place, as: type) })
        }
        let (parts, count) = (number(UInt64.self, at: 8), number(UInt64.self, at: 16))
        guard parts < 1 << 31, count < 1 << 32, UInt64(bytes.count) == 28 + parts * 4 + count * 18 else {
            throw fault("has \(bytes.count) bytes, which its header does not tell")
        }
        let codes = 24 + (Int(parts) + 1) * 4
        let (setup, run) = (codes + Int(count) * 2, codes + Int(count) * 10)
        var routings = RoutingColumns()
        var first = Int(number(UInt32.self, at: 24))
        guard first == 0 else { throw fault("begins behind its first operation") }
        for part in 0..<Int(parts) {
            let end = Int(number(UInt32.self, at: 28 + part * 4))
            guard end >= first, end <= Int(count) else { throw fault("has a part that ends before it begins") }
            var steps: [RoutingStep] = []
            for place in first..<end {
                let operation = number(UInt16.self, at: codes + place * 2)
                guard Int(operation) < operations else { throw fault("names an operation that the model has not") }
                steps.append(
                    RoutingStep(
                        operation: operation,
                        setup: Double(bitPattern: number(UInt64.self, at: setup + place * 8)),
                        run: Double(bitPattern: number(UInt64.self, at: run + place * 8))
                    )
                )
            }
            routings.append(steps)
            first = end
        }
        guard first == Int(count) else { throw fault("has operations of no part") }
        return routings
    }
}

extension RoutingColumns {
    /// The bytes of the file of these routings.
    package var bytes: [UInt8] { RoutingFile.bytes(of: self) }

    /// The routings of a file's bytes, checked; `operations` is the number of operations that they may name, `path` is for messages.
    package init(bytes: [UInt8], operations: Int, path: String) throws(RoutingModelFault) {
        self = try RoutingFile.routings(bytes, operations: operations, path: path)
    }
}
