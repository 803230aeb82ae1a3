import Crypto
import EventStore
import Foundation

/// The generated log that every measurement starts from, kept by a digest of what made it.
struct BenchLog {
    private static let generator = "streams=10000 payload=300 commands-of=500 v2"
    static let streams: [StreamName] = (0..<10_000).compactMap { StreamName("bench-\($0)") }
    let folder: String

    /// The kept data for so many events; generated when it is not there yet.
    static func prepare(events: Int, in data: String) async throws -> BenchLog {
        let digest = SHA256.hash(data: Array("\(generator) events=\(events)".utf8)).prefix(6)
        let name = digest.map { String($0, radix: 16) }.joined()
        let folder = "\(data)/\(name)"
        if !FileManager.default.fileExists(atPath: "\(folder)/log") {
            print("generating \(events) events in \(folder)")
            try await generate(events: events, in: "\(folder).new")
            try FileManager.default.moveItem(atPath: "\(folder).new", toPath: folder)
        }
        return BenchLog(folder: folder)
    }

    private static func generate(events: Int, in folder: String) async throws {
        try? FileManager.default.removeItem(atPath: folder)
        let log = try LMDBEventLog.create(at: LogFolders(data: folder), timeZone: "Etc/UTC")
        var random = SystemRandomNumberGenerator()
        for start in stride(from: 0, to: events, by: 500) {
            var request = request(streams[0])
            request.events = (start..<min(start + 500, events)).map { _ in
                event(streams.randomElement(using: &random) ?? streams[0])
            }
            _ = try await log.append(request)
        }
        await log.close()
    }

    /// A copy of the log with its key, which a measurement may write to: the folder of both.
    func copy(_ name: String) throws -> String {
        let copy = "\(folder)/\(name)"
        try? FileManager.default.removeItem(atPath: copy)
        for part in ["log", "keys"] {
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: "\(folder)/\(part)", toPath: "\(copy)/\(part)")
        }
        return copy
    }

    /// An event with a payload of 300 bytes.
    static func event(_ stream: StreamName) -> ProposedEvent {
        ProposedEvent(stream: stream, type: "bench.measured", data: payload)
    }

    static func request(_ stream: StreamName) -> AppendRequest {
        AppendRequest(actor: .system, metadata: EventMetadata(auth: "system/job"), events: [event(stream)])
    }

    private static let payload: [UInt8] = {
        let fixed = Array(#"{"count":12345,"model":"2025.09.15_1","ok":true,"text":""#.utf8)
        return fixed + [UInt8](repeating: 0x78, count: 300 - fixed.count - 2) + Array("\"}".utf8)
    }()
}

/// The bare C program, compiled when it is not there yet.
struct Peer {
    private let executable: String

    init(
        _ name: String = "append_peer",
        compiler: [String] = ["cc", "-O2"],
        suffix: String = "c",
        libraries: [String] = ["-llmdb", "-lcrypto"],
        in data: String
    ) throws {
        executable = "\(data)/\(name)"
        let source = "Benchmarks/peers/\(name).\(suffix)"
        guard FileManager.default.fileExists(atPath: source) else {
            throw BenchError(description: "run from the checkout's root: \(source) is not here")
        }
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        _ = try Self.run("/usr/bin/env", compiler + ["-o", executable, source] + libraries)
    }

    /// Runs it and returns the figure it prints.
    func figure(_ arguments: String...) throws -> Double {
        let text = try Self.run(executable, arguments)
        guard let figure = Double(text.split(separator: "\n").last ?? "") else {
            throw BenchError(description: "the peer printed no figure: \(text)")
        }
        return figure
    }

    private static func run(_ program: String, _ arguments: String...) throws -> String { try run(program, arguments) }

    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchError(description: "\(program) \(arguments) ended with \(process.terminationStatus)")
        }
        return text
    }
}

/// Why a measurement could not be made.
struct BenchError: Error, CustomStringConvertible {
    let description: String
}
