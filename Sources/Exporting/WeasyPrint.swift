internal import DurableFiles
internal import Foundation

/// Debian's WeasyPrint, which turns a page of HTML into a PDF in a process of its own.
enum WeasyPrint {
    /// The path of the program; throws ``ExportFault/Code/programMissing`` naming the package.
    static func locate(
        path: String? = ProcessInfo.processInfo.environment["PATH"],
        fallback: [String] = ["/usr/bin"]
    ) throws -> String {
        let folders = (path ?? "").split(separator: ":").map(String.init) + fallback
        for folder in folders where FileManager.default.isExecutableFile(atPath: "\(folder)/weasyprint") {
            return "\(folder)/weasyprint"
        }
        throw ExportFault(
            .programMissing,
            "a PDF needs the program weasyprint, which is not installed",
            hint: "install Debian's package weasyprint, or export html and print it"
        )
    }

    /// The PDF of a page; runs the program and waits, so call it from a thread that may block.
    ///
    /// The page's own digest is its identifier and 1980 its date, so that the same page gives the same bytes where
    /// WeasyPrint honours SOURCE_DATE_EPOCH. Throws ``ExportFault/Code/programFailed`` with the program's last words.
    static func render(_ page: [UInt8], with program: String, beside path: String) throws -> [UInt8] {
        let base = "\(DurableFile.parent(of: path))/.weasyprint-\(UUID().uuidString)"
        let (input, output, words) = ("\(base).html", "\(base).pdf", "\(base).err")
        defer { for file in [input, output, words] { try? FileManager.default.removeItem(atPath: file) } }
        try DurableFile.write(page, to: input)
        try DurableFile.write([UInt8](), to: words)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["--encoding", "utf-8", input, output]
        process.environment = ProcessInfo.processInfo.environment
            .merging(["SOURCE_DATE_EPOCH": "315532800"], uniquingKeysWith: { $1 })
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: words) ?? .nullDevice
        do {
            try process.run()
        } catch {
            throw ExportFault(
                .programFailed,
                "\(program) cannot be started",
                hint: "check its permissions",
                cause: error
            )
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0, FileManager.default.fileExists(atPath: output) else {
            let said =
                String(decoding: try DurableFile.read(words), as: UTF8.self).split(separator: "\n").last ?? "nothing"
            throw ExportFault(
                .programFailed,
                "weasyprint ended with status \(process.terminationStatus): \(said)",
                hint: "run `weasyprint --info`, or export html and print it"
            )
        }
        return try DurableFile.read(output, limit: 1 << 30)
    }
}
