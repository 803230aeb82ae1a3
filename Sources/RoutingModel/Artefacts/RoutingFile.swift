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
        func column<Number: BitwiseCopyable>(_ count: Int, at place: Int) -> [Number] {
            let part = place..<place + count * MemoryLayout<Number>.stride
            return [Number](unsafeUninitializedCapacity: count) { room, filled in
                UnsafeMutableRawBufferPointer(room).copyBytes(from: bytes[part])
                filled = count
            }
        }
        let numbers: [UInt64] = column(2, at: 8)
        guard numbers[0] < 1 << 31, numbers[1] < 1 << 32, UInt64(bytes.count) == 28 + numbers[0] * 4 + numbers[1] * 18
        else { throw fault("has \(bytes.count) bytes, which its header does not tell") }
        let (parts, count) = (Int(numbers[0]), Int(numbers[1]))
        let firsts: [UInt32] = column(parts + 1, at: 24)
        guard firsts[0] == 0 else { throw fault("begins behind its first operation") }
        guard zip(firsts, firsts.dropFirst()).allSatisfy({ $0 <= $1 }) else {
            throw fault("has a part that ends before it begins")
        }
        guard Int(firsts[parts]) == count else { throw fault("has operations of no part") }
        let codes = 24 + (parts + 1) * 4
        let routings = RoutingColumns(
            firsts: firsts.map { Int($0) },
            operations: column(count, at: codes),
            setup: column(count, at: codes + count * 2),
            run: column(count, at: codes + count * 10)
        )
        guard routings.operations.allSatisfy({ Int($0) < operations }) else {
            throw fault("names an operation that the model has not")
        }
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
