internal import EventStore
internal import Foundation
internal import RoutingDomain

/// The plant's time zone at each position, and the offset from UTC at an instant in it.
struct PlantClock {
    private var zones: [(from: Position, zone: TimeZone)]
    private var current = 0
    /// The quarter of an hour for which ``offset`` holds: no zone's offset changes within one.
    private var slot = Int64.min
    private var offset = 0

    private static let slotLength: Int64 = 900_000_000

    /// The zone at creation and each later one with the position of the event that set it.
    ///
    /// Throws when this machine's time zone data lack a name.
    init(zone: String, changes: [(position: Position, zone: String)] = []) throws(ProjectingFault) {
        zones = [(0, try Self.zone(zone))]
        // Days and hours of later events are counted in the new zone, those of the event itself still in the old.
        for change in changes { zones.append((change.position + 1, try Self.zone(change.zone))) }
    }

    private static func zone(_ name: String) throws(ProjectingFault) -> TimeZone {
        if let zone = TimeZone(identifier: name) { return zone }
        throw ProjectingFault(
            .missing,
            "this machine does not know the time zone \(name)",
            hint: "install the package tzdata; the log names the plant's time zone"
        )
    }

    /// Seconds east of UTC at an instant, in the zone in force at a position.
    mutating func offset(at position: Position, _ instant: Microseconds) -> Int {
        if position < zones[current].from {
            current = 0
            slot = .min
        }
        while current + 1 < zones.count, zones[current + 1].from <= position {
            current += 1
            slot = .min
        }
        let wanted = instant.quotientRoundedDown(by: Self.slotLength)
        if wanted != slot {
            slot = wanted
            let start = Date(timeIntervalSince1970: Double(wanted) * Double(Self.slotLength / 1_000_000))
            offset = zones[current].zone.secondsFromGMT(for: start)
        }
        return offset
    }
}

extension Int64 {
    fileprivate func quotientRoundedDown(by divisor: Int64) -> Int64 {
        self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
    }
}
