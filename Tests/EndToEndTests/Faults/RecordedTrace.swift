import Foundation
import Glibc

/// What a process did to the files under a folder, in order, as `Tests/Shims/recorder.c` wrote it down.
struct RecordedTrace {
    enum Step {
        case create(path: String, file: UInt64)
        case write(path: String, file: UInt64, offset: Int, bytes: ArraySlice<UInt8>, isSynchronous: Bool)
        case truncate(path: String, file: UInt64, size: Int)
        case synchronise(path: String, file: UInt64)
        case rename(from: String, to: String)
        case link(from: String, to: String)
        case remove(path: String)
        case makeFolder(path: String)
        case output(ArraySlice<UInt8>)
    }

    let steps: [Step]

    /// Reads a record; paths become relative to `root`.
    init(_ path: String, root: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))[...]
        var steps: [Step] = []
        var at = bytes.startIndex
        func number<Value: FixedWidthInteger>(_ offset: Int, as: Value.Type) -> Int {
            Int(bytes[(at + offset)...].withUnsafeBytes { $0.loadUnaligned(as: Value.self) })
        }
        while at + 32 <= bytes.endIndex {
            let (kind, isSynchronous) = (bytes[at], bytes[at + 1] != 0)
            let lengths = (number(2, as: UInt16.self), number(4, as: UInt16.self))
            let file = UInt64(number(8, as: UInt64.self))
            let (offset, count) = (number(16, as: UInt64.self), number(24, as: UInt64.self))
            at += 32
            func text(_ length: Int) -> String {
                defer { at += length }
                return String(decoding: bytes[at..<at + length], as: UTF8.self)
            }
            let first = Self.relative(text(lengths.0), to: root)
            let second = Self.relative(text(lengths.1), to: root)
            func content() -> ArraySlice<UInt8> {
                defer { at += count }
                return bytes[at..<at + count]
            }
            switch kind {
            case 1: steps.append(.create(path: first, file: file))
            case 2:
                let part = content()
                steps.append(
                    .write(path: first, file: file, offset: offset, bytes: part, isSynchronous: isSynchronous)
                )
            case 3: steps.append(.truncate(path: first, file: file, size: offset))
            case 4: steps.append(.synchronise(path: first, file: file))
            case 5: steps.append(.rename(from: first, to: second))
            case 6: steps.append(.link(from: first, to: second))
            case 7, 10: steps.append(.remove(path: first))
            case 8: steps.append(.makeFolder(path: first))
            case 9: steps.append(.output(content()))
            default: throw ShimError(description: "\(path): an entry of kind \(kind)")
            }
        }
        guard at == bytes.endIndex else { throw ShimError(description: "\(path) ends within an entry") }
        self.steps = steps
    }

    private static func relative(_ path: String, to root: String) -> String {
        path.hasPrefix(root) ? String(path.dropFirst(root.count).drop { $0 == "/" }) : path
    }
}
