/// The names of C2SP tlog-tiles: `tile/<level>/<index>[.p/<width>]`.
enum TilePath {
    /// The path of a tile; `level` is a number or `entries`.
    static func of(_ level: String, _ index: UInt64, width: Int) -> String {
        var (rest, parts) = (index / 1000, [three(index % 1000)])
        while rest > 0 {
            parts.insert("x\(three(rest % 1000))", at: 0)
            rest /= 1000
        }
        return "tile/\(level)/\(parts.joined(separator: "/"))\(width < 256 ? ".p/\(width)" : "")"
    }

    private static func three(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
}

/// A tile of a tree of a size.
struct TilePlace: Hashable {
    let level: Int
    let index: UInt64

    /// How many hashes the tile has in a tree of so many leaves.
    func width(in size: UInt64) -> Int {
        let hashes = level < 8 ? size >> UInt64(8 * level) : 0
        return Int(min(256, hashes > index * 256 ? hashes - index * 256 : 0))
    }

    /// The tile that holds this one's root.
    var above: TilePlace { TilePlace(level: level + 1, index: index >> 8) }

    /// Every tile of a tree.
    static func all(in size: UInt64) -> Set<TilePlace> {
        var places: Set<TilePlace> = []
        for level in 0..<8 where size >> UInt64(8 * level) > 0 {
            let hashes = size >> UInt64(8 * level)
            for index in 0..<(hashes + 255) / 256 { places.insert(TilePlace(level: level, index: index)) }
        }
        return places
    }

    /// The tiles that prove some leaves in a tree, and the root of each smaller tree whose size is among them.
    static func proving(_ leaves: some Sequence<UInt64>, in size: UInt64) -> Set<TilePlace> {
        var places: Set<TilePlace> = []
        for level in 0..<8 {
            let hashes = size >> UInt64(8 * level)
            if hashes % 256 > 0 { places.insert(TilePlace(level: level, index: hashes / 256)) }
        }
        for leaf in leaves where leaf < size {
            var place = TilePlace(level: 0, index: leaf >> 8)
            while place.width(in: size) > 0, places.insert(place).inserted || place.level == 0 { place = place.above }
        }
        return places
    }
}
