/// The tallies of a bucket as bytes: small, as there are tens of thousands of them.
///
/// Form 1: the byte 1; ef_search plus one and the cold start plus one, or 0 for none; the number of groups; for each its name
/// (length, bytes), six counters, the number of filled places of the histogram, and for each its distance from the one before
/// and its count. Every number is a varint (LEB128), seven bits a byte, the lowest first.
package enum BucketCoding {
    private static let form: UInt8 = 1

    /// The bytes of a bucket; its key stands elsewhere.
    package static func bytes(of bucket: MetricBucket) -> [UInt8] {
        var bytes: [UInt8] = [form]
        put(bucket.efSearch.map { UInt64($0) + 1 } ?? 0, &bytes)
        put(bucket.coldStart.map { UInt64($0) + 1 } ?? 0, &bytes)
        let groups = bucket.groups.sorted { $0.key < $1.key }
        put(UInt64(groups.count), &bytes)
        for (name, tally) in groups {
            put(UInt64(name.utf8.count), &bytes)
            bytes += name.utf8
            for number in [
                tally.requests, tally.errors, tally.lookups, tally.hits, tally.gated, tally.belowGate,
            ] { put(number, &bytes) }
            let filled = tally.latency.counts.indices.filter { tally.latency.counts[$0] > 0 }
            put(UInt64(filled.count), &bytes)
            var last = 0
            for place in filled {
                put(UInt64(place - last), &bytes)
                put(tally.latency.counts[place], &bytes)
                last = place
            }
        }
        return bytes
    }

    /// The bucket of a key and its bytes; nil for bytes that are no bucket of a known form.
    package static func bucket(_ key: MetricBucket.Key, _ bytes: [UInt8]) -> MetricBucket? {
        var rest = bytes[...]
        guard rest.popFirst() == form, let ef = take(&rest), let cold = take(&rest), let count = take(&rest),
            count <= 1_000
        else { return nil }
        var bucket = MetricBucket(key)
        bucket.efSearch = ef == 0 ? nil : Int(clamping: ef - 1)
        bucket.coldStart = cold == 0 ? nil : Int(clamping: cold - 1)
        for _ in 0..<count {
            guard let length = take(&rest), length <= rest.count else { return nil }
            let name = String(decoding: rest.prefix(Int(length)), as: UTF8.self)
            rest = rest.dropFirst(Int(length))
            guard let tally = tally(&rest) else { return nil }
            bucket.groups[name] = tally
        }
        return rest.isEmpty ? bucket : nil
    }

    private static func tally(_ rest: inout ArraySlice<UInt8>) -> RouteTally? {
        var tally = RouteTally()
        for field in [
            \RouteTally.requests, \.errors, \.lookups, \.hits, \.gated, \.belowGate,
        ] as [WritableKeyPath<RouteTally, UInt64>] {
            guard let number = take(&rest) else { return nil }
            tally[keyPath: field] = number
        }
        guard let filled = take(&rest), filled <= UInt64(LatencyHistogram.places) else { return nil }
        var place = 0
        for _ in 0..<filled {
            guard let distance = take(&rest), let count = take(&rest) else { return nil }
            place += Int(clamping: min(distance, 1_000))
            guard place < LatencyHistogram.places else { return nil }
            tally.latency.add(count, at: place)
        }
        return tally
    }

    private static func put(_ number: UInt64, _ bytes: inout [UInt8]) {
        var number = number
        while number >= 0x80 {
            bytes.append(UInt8(number & 0x7f) | 0x80)
            number >>= 7
        }
        bytes.append(UInt8(number))
    }

    private static func take(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var (number, shift) = (UInt64(0), UInt64(0))
        while let byte = rest.popFirst() {
            guard shift < 63 || byte <= 1 else { return nil }
            number |= UInt64(byte & 0x7f) << shift
            guard byte & 0x80 != 0 else { return number }
            shift += 7
            guard shift <= 63 else { return nil }
        }
        return nil
    }
}
