/// Reads the bytes of a stream of server-sent events as they come.
struct EventStreamReader {
    /// What came whole: an event, or the id that a heartbeat carries.
    struct Block {
        var id: UInt64?
        var data: [UInt8]?
    }

    private var waiting: [UInt8] = []
    private var block = Block()

    /// The blocks that these bytes complete.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [Block] {
        waiting += bytes
        var (start, whole) = (0, [Block]())
        while let end = waiting[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let done = take(line: waiting[start..<end]) { whole.append(done) }
            start = end + 1
        }
        waiting.removeSubrange(..<start)
        return whole
    }

    private mutating func take(line: ArraySlice<UInt8>) -> Block? {
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        guard !line.isEmpty else {
            defer { block = Block() }
            return block.id == nil && block.data == nil ? nil : block
        }
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line.dropFirst(name.count + 1)
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        if name.elementsEqual("id".utf8) { block.id = UInt64(String(decoding: value, as: UTF8.self)) }
        if name.elementsEqual("data".utf8) {
            block.data = block.data.map { $0 + [UInt8(ascii: "\n")] + value } ?? Array(value)
        }
        return nil
    }
}
