/// Cuts a connection's bytes into requests, in front of the parser, and refuses what has two meanings.
///
/// Holds a head back until it is whole and checked, so that the parser behind never sees half of one; bodies pass through as they
/// come. Its memory is bounded by the limits of a head.
package struct WireFramer: Sendable {
    /// What to do next.
    package enum Step: Equatable, Sendable {
        /// These bytes are a whole, checked head.
        case head(WireHead, [UInt8])
        /// These many bytes from the front belong to the running body; `ends` with the last of them.
        case body(Int, ends: Bool)
        /// More bytes are needed.
        case wait
    }

    private enum State {
        case head
        case fixed(Int)
        case chunked(ChunkReader)
    }

    private let limits: Limits
    private var state = State.head
    private var held: [UInt8] = []
    /// Where the request line ends, once it has.
    private var lineEnd: Int?

    /// A framer at the start of a connection.
    package init(limits: Limits) { self.limits = limits }

    /// Whether bytes of a head are held that is not whole yet.
    package var holdsPartOfHead: Bool { !held.isEmpty }

    /// Whether a body is being read.
    package var isInBody: Bool { if case .head = state { false } else { true } }

    /// Looks at the bytes in front; takes those of a head out of `bytes`, and leaves those of a body to the caller.
    package mutating func next(_ bytes: inout ArraySlice<UInt8>) throws(WireRefusal) -> Step {
        guard !bytes.isEmpty else { return .wait }
        switch state {
        case .head: return try nextHead(&bytes)
        case .fixed(let rest):
            let count = min(rest, bytes.count)
            state = count == rest ? .head : .fixed(rest - count)
            return .body(count, ends: count == rest)
        case .chunked(var reader):
            let (count, ends) = try reader.read(bytes)
            state = ends ? .head : .chunked(reader)
            return .body(count, ends: ends)
        }
    }

    private mutating func nextHead(_ bytes: inout ArraySlice<UInt8>) throws(WireRefusal) -> Step {
        while !bytes.isEmpty {
            let end = bytes.firstIndex(of: 0x0a)
            try hold(bytes[..<(end ?? bytes.endIndex)])
            guard let end else {
                bytes = []
                return .wait
            }
            bytes = bytes[(end + 1)...]
            // A bare LF or CR is where two readers part ways.
            guard held.last == 0x0d else { throw WireRefusal("http.syntax", "a line ends without CR") }
            held.append(0x0a)
            guard held.count > 2 else { throw WireRefusal("http.syntax", "an empty line before the request") }
            if held.suffix(4).elementsEqual([0x0d, 0x0a, 0x0d, 0x0a]) {
                let head = try WireHead.read(held, limits: limits)
                defer { held.removeAll(keepingCapacity: true) }
                switch head.framing {
                case .none: state = .head
                case .length(let length): state = .fixed(length)
                case .chunked: state = .chunked(ChunkReader())
                }
                lineEnd = nil
                return .head(head, held)
            }
            if lineEnd == nil { lineEnd = held.count }
        }
        return .wait
    }

    /// Keeps a line of a head, or a part of one, without the LF at its end.
    private mutating func hold(_ part: ArraySlice<UInt8>) throws(WireRefusal) {
        guard !part.isEmpty else { return }
        guard held.last != 0x0d, !part.dropLast().contains(0x0d) else {
            throw WireRefusal("http.syntax", "a CR inside a line")
        }
        guard !part.contains(0) else { throw WireRefusal("http.syntax", "a NUL byte") }
        held += part
        try checkSize()
    }

    private func checkSize() throws(WireRefusal) {
        if let lineEnd {
            guard held.count - lineEnd <= limits.headBytes else {
                throw WireRefusal("http.fields", "header fields of more than \(limits.headBytes) bytes")
            }
        } else {
            guard held.count <= limits.targetBytes + 64 else {
                throw WireRefusal("http.target", "a target of more than \(limits.targetBytes) bytes")
            }
        }
    }
}

/// Follows a chunked body without keeping it: sizes in hexadecimal, no extensions, no trailers.
struct ChunkReader: Sendable {
    private enum State {
        case size(digits: Int, value: Int)
        case sizeEnd(Int)
        case data(Int)
        case dataCR
        case dataLF
        case lastCR
        case lastLF
    }
    private var state = State.size(digits: 0, value: 0)

    /// How many bytes in front belong to the body, and whether it ends with them.
    mutating func read(_ bytes: ArraySlice<UInt8>) throws(WireRefusal) -> (count: Int, ends: Bool) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if case .data(let rest) = state {
                let count = min(rest, bytes.endIndex - index)
                index += count
                state = count == rest ? .dataCR : .data(rest - count)
                continue
            }
            if try step(bytes[index]) { return (index + 1 - bytes.startIndex, true) }
            index += 1
        }
        return (bytes.count, false)
    }

    private mutating func step(_ byte: UInt8) throws(WireRefusal) -> Bool {
        switch (state, byte) {
        case (.size(let digits, let value), 0x0d) where digits > 0: state = .sizeEnd(value)
        case (.size(let digits, let value), _):
            guard digits < 8, let digit = Self.digit(byte) else {
                throw WireRefusal("http.framing", "a chunk's size is not up to eight hexadecimal digits")
            }
            state = .size(digits: digits + 1, value: value << 4 | digit)
        case (.sizeEnd(let size), 0x0a): state = size == 0 ? .lastCR : .data(size)
        case (.dataCR, 0x0d): state = .dataLF
        case (.dataLF, 0x0a): state = .size(digits: 0, value: 0)
        case (.lastCR, 0x0d): state = .lastLF
        case (.lastLF, 0x0a): return true
        default: throw WireRefusal("http.framing", "a chunk does not end where its size says")
        }
        return false
    }

    private static func digit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }
}
