/// Takes the values of one column as the driver shows them, and keeps a chunk of them as typed values.
///
/// Nothing is allocated for a value, but for a word that was not seen before and for the first places of an issue.
final class ColumnSink {
    let mapping: ColumnMapping
    private let times: Double
    private let over: Double
    private let cutAt: Int?
    private let losesSigns: Bool
    /// Rows of a chunk.
    static let chunk = 8192

    private var count = 0
    private let numbers: UnsafeMutablePointer<Double>
    private let moments: UnsafeMutablePointer<Int64>
    private let codes: UnsafeMutablePointer<Int32>
    private let truths: UnsafeMutablePointer<Int8>
    /// Behind a pointer, as a look-up for each value is not to be watched for exclusive access.
    private let words: UnsafeMutablePointer<WordTable>
    private var sentWords = 0
    private(set) var issues = IssueCounts()
    /// Rows without a value in the source.
    private(set) var nulls = 0
    /// The first row without a value where the profile refuses that.
    private(set) var refusedAt: Int?

    private static let hasLostSigns: UInt8 = 1
    private static let isBad: UInt8 = 2

    init(_ column: ResolvedTable.Column, _ dialect: Dialect) {
        mapping = column.mapping
        (times, over) =
            if let from = column.unit, let unit = column.mapping.unit { from.factor(to: unit) } else { (1, 1) }
        cutAt = dialect.cutAt.flatMap { ["MEMO", "TEXT"].contains(column.source.type.uppercased()) ? $0 : nil }
        losesSigns = dialect.losesSigns
        func room(_ kind: ColumnMapping.Kind) -> Int { column.mapping.kind == kind ? Self.chunk : 0 }
        numbers = .allocate(capacity: room(.number))
        moments = .allocate(capacity: room(.moment))
        codes = .allocate(capacity: room(.text))
        truths = .allocate(capacity: room(.truth))
        words = .allocate(capacity: 1)
        words.initialize(to: WordTable())
    }

    deinit {
        numbers.deallocate()
        moments.deallocate()
        codes.deallocate()
        truths.deallocate()
        words.deinitialize(count: 1)
        words.deallocate()
    }

    // MARK: - Values

    /// A row without a value.
    func takeNull(row: Int) {
        nulls += 1
        missing(row: row)
    }

    private func missing(row: Int) {
        switch mapping.nulls {
        case .allowed: break
        case .counted: issues.add(.missing, row: row)
        case .refused: refusedAt = refusedAt ?? row
        }
        switch mapping.kind {
        case .number: numbers[count] = .nan
        case .moment: moments[count] = .min
        case .text: codes[count] = -1
        case .truth: truths[count] = -1
        }
        count += 1
    }

    /// A value that came as a number.
    func take(_ value: Double, row: Int) {
        switch mapping.kind {
        case .number: keep(value, row: row)
        case .truth:
            guard value == 0 || value == 1 else { return refuse(.badTruth, row: row, nil) }
            truths[count] = Int8(value)
            count += 1
        case .moment: refuse(.badMoment, row: row, nil)
        case .text:
            var text = value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
            text.withUTF8 { take($0, row: row) }
        }
    }

    /// A value that came as a text.
    func take(_ text: UnsafeBufferPointer<UInt8>, row: Int) {
        switch mapping.kind {
        case .text: takeWord(text, row: row)
        case .number:
            switch NumberText.read(text) {
            case .plain(let value): keep(value, row: row)
            case .repaired(let value):
                issues.add(.repairedNumber, row: row, text)
                keep(value, row: row)
            case .blank: refuse(.blank, row: row, nil)
            case .none: refuse(.badNumber, row: row, text)
            }
        case .moment:
            if let moment = MomentText.read(text) {
                moments[count] = moment
                count += 1
            } else {
                refuse(Self.trimmed(text).isEmpty ? .blank : .badMoment, row: row, text)
            }
        case .truth:
            let trimmed = Self.trimmed(text)
            if let truth = TruthText.read(trimmed) {
                truths[count] = truth
                count += 1
            } else {
                refuse(trimmed.isEmpty ? .blank : .badTruth, row: row, text)
            }
        }
    }

    private func refuse(_ kind: ExtractionIssue.Kind, row: Int, _ text: UnsafeBufferPointer<UInt8>?) {
        issues.add(kind, row: row, text)
        missing(row: row)
    }

    private func keep(_ value: Double, row: Int) {
        let converted = times == over ? value : value * times / over
        guard converted.isFinite else { return refuse(.badNumber, row: row, nil) }
        if let range = mapping.range, !range.contains(converted) { return refuse(.outOfRange, row: row, nil) }
        numbers[count] = converted
        count += 1
    }

    private func takeWord(_ text: UnsafeBufferPointer<UInt8>, row: Int) {
        var text = text
        if text.count == cutAt {
            issues.add(.truncated, row: row)
            text = Self.withoutBrokenEnd(text)
        }
        let trimmed = Self.trimmed(text)
        if trimmed.count < text.count {
            if trimmed.isEmpty { return refuse(.blank, row: row, nil) }
            issues.add(.trimmed, row: row)
        }
        guard !trimmed.isEmpty else { return refuse(.blank, row: row, nil) }
        let (code, isNew) = words.pointee.code(trimmed)
        if isNew { words.pointee.marks[Int(code)] = mark(trimmed) }
        let mark = words.pointee.marks[Int(code)]
        if mark != 0 {
            if mark & Self.hasLostSigns != 0 { issues.add(.lostSigns, row: row) }
            if mark & Self.isBad != 0 { issues.add(.badText, row: row) }
        }
        codes[count] = code
        count += 1
    }

    private func mark(_ text: UnsafeBufferPointer<UInt8>) -> UInt8 {
        var mark: UInt8 = 0
        if losesSigns, zip(text, text.dropFirst()).contains(where: { $0 == 0x3f && $1 == 0x3f }) {
            mark |= Self.hasLostSigns
        }
        if text.contains(where: { $0 >= 0x80 }), String(validating: text, as: UTF8.self) == nil { mark |= Self.isBad }
        return mark
    }

    /// The text without blanks around, those of full width among them.
    private static func trimmed(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var (start, end) = (0, text.count)
        while end > start {
            if text[end - 1] <= 0x20 {
                end -= 1
            } else if end - start >= 2, text[end - 1] == 0xa0, text[end - 2] == 0xc2 {
                end -= 2
            } else if end - start >= 3, text[end - 1] == 0x80, text[end - 2] == 0x80, text[end - 3] == 0xe3 {
                end -= 3
            } else {
                break
            }
        }
        while start < end {
            if text[start] <= 0x20 {
                start += 1
            } else if end - start >= 2, text[start] == 0xc2, text[start + 1] == 0xa0 {
                start += 2
            } else if end - start >= 3, text[start] == 0xe3, text[start + 1] == 0x80, text[start + 2] == 0x80 {
                start += 3
            } else {
                break
            }
        }
        return UnsafeBufferPointer(rebasing: text[start..<end])
    }

    /// The text without the bytes of a sign that was cut in its middle.
    private static func withoutBrokenEnd(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var start = text.count
        while start > 0, text.count - start < 4, text[start - 1] & 0xc0 == 0x80 { start -= 1 }
        guard start > 0 else { return text }
        let lead = text[start - 1]
        let wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1
        return text.count - (start - 1) < wanted ? UnsafeBufferPointer(rebasing: text[..<(start - 1)]) : text
    }

    // MARK: - Chunks

    /// Whether the chunk is full.
    var isFull: Bool { count == Self.chunk }

    /// Adds the chunk to a frame's bytes and begins the next one.
    func send(into frame: inout [UInt8]) {
        switch mapping.kind {
        case .number:
            UnsafeRawBufferPointer(start: numbers, count: count * 8).withMemoryRebound(to: UInt8.self) { frame += $0 }
        case .moment:
            UnsafeRawBufferPointer(start: moments, count: count * 8).withMemoryRebound(to: UInt8.self) { frame += $0 }
        case .truth:
            UnsafeRawBufferPointer(start: truths, count: count).withMemoryRebound(to: UInt8.self) { frame += $0 }
        case .text:
            FrameBytes.append(UInt32(words.pointee.count - sentWords), to: &frame)
            for code in sentWords..<words.pointee.count {
                let word = words.pointee.word(code)
                FrameBytes.append(UInt32(word.count), to: &frame)
                frame += word
            }
            sentWords = words.pointee.count
            UnsafeRawBufferPointer(start: codes, count: count * 4).withMemoryRebound(to: UInt8.self) { frame += $0 }
        }
        count = 0
    }
}

/// Yes and no as people and programs write them.
enum TruthText {
    private static let yes: Set<String> = ["1", "-1", "y", "yes", "true", "t", "o", "예", "사용", "はい", "有", "on"]
    private static let no: Set<String> = ["0", "n", "no", "false", "f", "x", "아니오", "아니요", "미사용", "いいえ", "無", "off"]

    /// 1, 0, or nil for what is neither.
    static func read(_ text: UnsafeBufferPointer<UInt8>) -> Int8? {
        if text.count == 1 {
            switch text[0] {
            case 0x31, 0x59, 0x79: return 1
            case 0x30, 0x4e, 0x6e: return 0
            default: break
            }
        }
        guard (1...20).contains(text.count) else { return nil }
        let word = String(decoding: text, as: UTF8.self).lowercased()
        return yes.contains(word) ? 1 : no.contains(word) ? 0 : nil
    }
}
