import Foundation

/// Looks for bytes in every file of a folder, whatever the file is.
enum ByteSearch {
    /// A text in the encodings that a tool could have left it in: raw, hexadecimal, UTF-16 and base64 at each alignment.
    static func forms(of text: String) -> [[UInt8]] { forms(of: Array(text.utf8)) + utf16(text) }

    /// Bytes raw, in hexadecimal of either case, and in base64 at each alignment.
    static func forms(of bytes: [UInt8]) -> [[UInt8]] {
        let digits = bytes.map { String(format: "%02x", $0) }.joined()
        // The first and last characters of a base64 group depend on the neighbours: only the inner ones are certain.
        let encoded = (0..<3).map { shift in
            let text = Data([UInt8](repeating: 0, count: shift) + bytes).base64EncodedString()
            return Array(
                text.utf8.dropFirst(shift == 0 ? 0 : 4).prefix((bytes.count + shift) / 3 * 4 - (shift == 0 ? 0 : 4))
            )
        }
        return [bytes, Array(digits.utf8), Array(digits.uppercased().utf8)] + encoded
    }

    private static func utf16(_ text: String) -> [[UInt8]] {
        [
            text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] },
            text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] },
        ]
    }

    /// Where a pattern stands in bytes.
    static func offsets(of pattern: [UInt8], in bytes: Data) -> [Int] {
        let pattern = Data(pattern)
        var found: [Int] = []
        var start = bytes.startIndex
        while let hit = bytes.range(of: pattern, in: start..<bytes.endIndex) {
            found.append(hit.lowerBound)
            start = hit.lowerBound + 1
        }
        return found
    }

    /// The files of a folder, by their path in it.
    static func files(in folder: String, where isWanted: (String) -> Bool = { _ in true }) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: folder) where isWanted(name) {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder),
                !isFolder.boolValue
            else { continue }
            files[name] = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
        }
        return files
    }
}
