internal import Glibc

/// The header of an index file as hnswlib 0.6 to 0.8 write it, checked against the size of the file.
///
/// hnswlib trusts every number in this header when it loads (a hostile count reads out of bounds), so we read it
/// ourselves first. Checked: the offsets follow from M and the dimension, the counts fit each other, and the file ends
/// exactly where the last link list ends. Not checked here: the neighbour ids inside the lists; that is the part of whoever loads it.
package struct IndexHeader: Equatable, Sendable {
    /// How many elements the index was made for.
    package let capacity: Int
    /// How many elements it holds.
    package let count: Int
    /// Links per element on the upper levels; twice as many on the lowest.
    package let m: Int
    /// The breadth of the search while building: hnswlib stores at least M.
    package let efConstruction: Int
    /// 32-bit floating point numbers per vector.
    package let dimension: Int
    /// The highest level, -1 of an empty index.
    package let topLevel: Int
    /// The element that a search starts from; it stands on the highest level.
    package let entryPoint: UInt32

    /// Size of the fixed part in bytes.
    package static let size = 96
    private static let greatestM = 10_000
    private static let greatestDimension = 65_536

    /// Reads a header and walks the link lists of a file of `fileSize` bytes.
    ///
    /// `read(offset, count)` returns at most `count` bytes from `offset`, fewer only at the end of the file. Throws an
    /// ``IndexHeaderError`` that says which number cannot be right; never reads outside the file.
    package static func parse<Failure: Error>(
        fileSize: Int,
        read: (_ offset: Int, _ count: Int) throws(Failure) -> [UInt8]
    ) throws -> IndexHeader {
        let bytes = try read(0, size)
        guard fileSize >= size, bytes.count == size else {
            throw IndexHeaderError("has \(fileSize) bytes, fewer than the \(size) of an hnswlib header")
        }
        let layout = try Layout(bytes)
        try layout.check()
        let header = IndexHeader(
            capacity: layout.capacity,
            count: layout.count,
            m: layout.m,
            efConstruction: layout.efConstruction,
            dimension: (layout.labelOffset - layout.dataOffset) / 4,
            topLevel: Int(layout.topLevel),
            entryPoint: layout.entryPoint
        )
        try layout.walkLinkLists(fileSize: fileSize, read: read)
        return header
    }

    private struct Layout {
        let levelZeroOffset, capacity, count, elementSize, labelOffset, dataOffset: Int
        let topLevel: Int32
        let entryPoint: UInt32
        let maximumM, maximumM0, m, efConstruction: Int
        let levelFactor: Double

        init(_ bytes: [UInt8]) throws(IndexHeaderError) {
            func integer(_ offset: Int, _ width: Int) -> UInt64 {
                (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
            }
            func size(_ offset: Int, _ name: String) throws(IndexHeaderError) -> Int {
                let value = integer(offset, 8)
                guard value < 1 << 48 else { throw IndexHeaderError("claims \(name) = \(value)") }
                return Int(value)
            }
            levelZeroOffset = try size(0, "offsetLevel0")
            capacity = try size(8, "max_elements")
            count = try size(16, "cur_element_count")
            elementSize = try size(24, "size_data_per_element")
            labelOffset = try size(32, "label_offset")
            dataOffset = try size(40, "offsetData")
            topLevel = Int32(truncatingIfNeeded: integer(48, 4))
            entryPoint = UInt32(truncatingIfNeeded: integer(52, 4))
            maximumM = try size(56, "maxM")
            maximumM0 = try size(64, "maxM0")
            m = try size(72, "M")
            levelFactor = Double(bitPattern: integer(80, 8))
            efConstruction = try size(88, "ef_construction")
        }

        func check() throws(IndexHeaderError) {
            func demand(_ holds: Bool, _ sentence: String) throws(IndexHeaderError) {
                guard holds else { throw IndexHeaderError(sentence) }
            }
            try demand(levelZeroOffset == 0, "claims offsetLevel0 = \(levelZeroOffset), not 0")
            try demand(2...IndexHeader.greatestM ~= m, "claims M = \(m), not 2 to \(IndexHeader.greatestM)")
            try demand(maximumM == m && maximumM0 == 2 * m, "claims maxM \(maximumM) and maxM0 \(maximumM0) for M \(m)")
            try demand(
                abs(levelFactor * log(Double(m)) - 1) < 0.01,
                "claims mult = \(levelFactor) for M \(m)"
            )
            try demand(1...1_000_000 ~= efConstruction, "claims ef_construction = \(efConstruction)")
            try demand(dataOffset == 4 * maximumM0 + 4, "claims offsetData = \(dataOffset) for M \(m)")
            let vector = labelOffset - dataOffset
            try demand(
                vector > 0 && vector.isMultiple(of: 4) && vector / 4 <= IndexHeader.greatestDimension,
                "claims vectors of \(vector) bytes"
            )
            try demand(elementSize == labelOffset + 8, "claims \(elementSize) bytes an element, not \(labelOffset + 8)")
            try demand(capacity < 1 << 32, "claims max_elements = \(capacity)")
            try demand(count <= capacity, "claims \(count) elements of at most \(capacity)")
            try demand(-1...255 ~= topLevel, "claims a top level of \(topLevel)")
            try demand(
                count == 0 ? topLevel == -1 : topLevel >= 0 && Int(entryPoint) < count,
                "claims entry point \(entryPoint) on level \(topLevel) of \(count) elements"
            )
        }

        /// After the elements, one list per element: its length in bytes, then that many bytes.
        func walkLinkLists<Failure: Error>(
            fileSize: Int,
            read: (Int, Int) throws(Failure) -> [UInt8]
        ) throws {
            let (elements, overflow) = count.multipliedReportingOverflow(by: elementSize)
            guard !overflow, elements <= fileSize - IndexHeader.size,
                4 * count <= fileSize - IndexHeader.size - elements
            else {
                throw IndexHeaderError("is cut short: \(count) elements of \(elementSize) bytes do not fit \(fileSize)")
            }
            var offset = IndexHeader.size + elements
            var window: ArraySlice<UInt8> = []
            var windowStart = offset
            for element in 0..<count {
                if offset < windowStart || offset + 4 > windowStart + window.count {
                    window = try read(offset, min(1 << 16, fileSize - offset))[...]
                    windowStart = offset
                }
                guard window.count >= offset - windowStart + 4 else {
                    throw IndexHeaderError("is cut short in the link list of element \(element)")
                }
                let place = window.startIndex + offset - windowStart
                let length = (0..<4).reduce(0) { $0 | Int(window[place + $1]) << (8 * $1) }
                let levelSize = 4 * maximumM + 4
                guard length.isMultiple(of: levelSize), length / levelSize <= Int(topLevel),
                    offset + 4 + length <= fileSize
                else { throw IndexHeaderError("claims a link list of \(length) bytes for element \(element)") }
                offset += 4 + length
            }
            guard offset == fileSize else {
                throw IndexHeaderError("has \(fileSize) bytes, but its lists end at \(offset)")
            }
        }
    }
}

/// Which number of an index file cannot be right, as a clause that follows the file's name.
package struct IndexHeaderError: Error, Equatable {
    /// The clause, such as `claims M = 1, not 2 to 10000`.
    package let clause: String

    package init(_ clause: String) { self.clause = clause }
}
