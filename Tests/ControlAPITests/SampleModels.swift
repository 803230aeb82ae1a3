import CanonicalJSON
import Crypto
import EventStore
import Foundation
import RoutingDomain
import Testing

@testable import ControlAPI

/// The model folders of the checkout, as a client sends them.
enum SampleModel {
    static let first = "2026.01.12_1"
    static let second = "2026.02.02_1"

    static func files(_ version: String) throws -> [String: [UInt8]] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "samples/models/\(version)")
        let names = try FileManager.default.contentsOfDirectory(atPath: root.path)
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, Array(try Data(contentsOf: root.appending(path: $0)))) }
        )
    }

    /// The value of a digest field.
    static func digest(_ bytes: [UInt8]) -> String {
        "sha-256=:\(Data(SHA256.hash(data: bytes)).base64EncodedString()):"
    }
}

extension RunningHome {
    /// Sends one file, or a part of it.
    func put(
        _ version: String,
        _ name: String,
        _ bytes: [UInt8],
        token: String,
        headers: [String: String] = [:]
    ) async throws -> Received {
        try await send(
            "PUT",
            "/api/v1/models/\(version)/files/\(name)",
            bytes: bytes,
            type: "application/octet-stream",
            token: token,
            headers: headers
        )
    }

    /// Sends every file of a sample.
    func stage(_ version: String, as other: String? = nil, token: String) async throws {
        for (name, bytes) in try SampleModel.files(version) {
            let sent = try await put(
                other ?? version,
                name,
                bytes,
                token: token,
                headers: ["Content-Digest": SampleModel.digest(bytes)]
            )
            #expect(sent.status == 201, "\(sent.text)")
        }
    }

    /// Sends and registers a sample.
    @discardableResult
    func register(_ version: String, token: String) async throws -> Received {
        try await stage(version, token: token)
        let registered = try await post("/api/v1/models/\(version)/register", ["reason": "trained"], token: token)
        #expect(registered.status == 200, "\(registered.text)")
        return registered
    }

    /// Signs: the member that every signed request carries.
    static func signed(_ members: [String: JSONValue] = [:]) -> JSONValue {
        .object(members.merging(["reason": "as planned", "password": .string(password)]) { $1 })
    }

    /// The number of events.
    var size: UInt64 { get throws { try log.head().size } }
}
