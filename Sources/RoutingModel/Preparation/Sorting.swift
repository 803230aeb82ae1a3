/// Numbers in ascending order, without memory of their own.
enum Sorting {
    /// Puts numbers without NaN in order, in place.
    static func ascending(_ values: inout UnsafeMutableBufferPointer<Double>) { values.sort() }
}
