import CHNSW

/// How an index of nearest neighbours is built: what its file's digest depends on, beside the vectors.
package struct IndexParameters: Hashable, Sendable {
    /// What distance two vectors have.
    package enum Space: String, Hashable, Sendable, CaseIterable {
        /// Squared Euclidean.
        case l2
        /// 1 - inner product; may be negative.
        case ip
        /// 1 - cosine: vectors and queries are brought to length 1 first.
        case cosine
    }

    package let space: Space
    /// Numbers per vector, 1 to 65,536.
    package let dimension: Int
    /// Links per element on the upper levels, twice as many on the lowest; 2 to 10,000, of use 8 to 64.
    package let m: Int
    /// The breadth of the search while building, at least ``m``.
    package let efConstruction: Int
    /// Seed of the elements' levels.
    package let seed: UInt32

    /// Parameters in their ranges; a breadth below `m` becomes `m`, as hnswlib does.
    package init(
        _ space: Space,
        dimension: Int,
        m: Int = 16,
        efConstruction: Int = 200,
        seed: UInt32 = 42
    ) throws(RoutingModelFault) {
        guard 1...65_536 ~= dimension, 2...10_000 ~= m, 1...1_000_000 ~= efConstruction else {
            throw RoutingModelFault(
                .badQuery,
                "an index of dimension \(dimension), M \(m), ef_construction \(efConstruction) cannot be built",
                hint: "give a dimension of 1 to 65,536, M of 2 to 10,000, ef_construction of 1 to 1,000,000"
            )
        }
        (self.space, self.dimension, self.m, self.seed) = (space, dimension, m, seed)
        self.efConstruction = max(efConstruction, m)
    }

    /// The distance function, for a model's metadata: `hnswlib 0.6 l2-fma-8x4`.
    ///
    /// It names the order in which a distance is added up. Another one, such as Python's, may differ in the last bit, and so may an
    /// index that is built with it.
    package var kernel: String { "hnswlib 0.6 " + String(cString: chnsw_kernel(kernelSpace)) }

    /// The distance that hnswlib computes.
    var kernelSpace: chnsw_space { space == .l2 ? CHNSW_L2 : CHNSW_INNER_PRODUCT }
}

/// One element that a search found.
package struct Neighbour: Hashable, Sendable {
    /// The element's label: its row in the vectors that the index was built from.
    package let label: Int
    /// Its distance in the index's space.
    package let distance: Float

    package init(label: Int, distance: Float) { (self.label, self.distance) = (label, distance) }
}
