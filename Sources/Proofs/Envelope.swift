public import EventStore
internal import CanonicalJSON

/// A DSSE envelope: bytes of a named type with signatures over both.
///
/// Stored as canonical JSON, which every DSSE reader takes. What is signed begins with `DSSEv1`, so that a signature can never be
/// taken for one under a tree head.
public struct Envelope: Equatable, Sendable {
    /// The media type of the payload, for example `application/vnd.in-toto+json`.
    public let payloadType: String
    /// The bytes that were signed.
    public let payload: [UInt8]
    /// Key ids in hexadecimal with their signatures.
    public let signatures: [Signature]

    /// One signature.
    public struct Signature: Equatable, Sendable {
        /// The signer's key id in hexadecimal: a hint, not a proof.
        public let keyID: String
        /// 64 bytes of Ed25519.
        public let bytes: [UInt8]

        /// A signature as its signer made it.
        public init(keyID: String, bytes: [UInt8]) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    /// An envelope of its parts.
    public init(payloadType: String, payload: [UInt8], signatures: [Signature]) {
        self.payloadType = payloadType
        self.payload = payload
        self.signatures = signatures
    }

    /// Reads an envelope; nil for anything but canonical JSON of that form.
    public init?(bytes: [UInt8]) {
        guard let json = try? JSONReader.canonical(bytes), let payloadType = json["payloadType"]?.text,
            let payload = json["payload"]?.text.flatMap({ StrictBase64.bytes($0) }),
            let listed = json["signatures"]?.elements, json.members?.count == 3
        else { return nil }
        let signatures = listed.compactMap { signature -> Signature? in
            guard let keyID = signature["keyid"]?.text,
                let bytes = signature["sig"]?.text.flatMap({ StrictBase64.bytes($0) })
            else { return nil }
            return Signature(keyID: keyID, bytes: bytes)
        }
        guard !signatures.isEmpty, signatures.count == listed.count else { return nil }
        self.init(payloadType: payloadType, payload: payload, signatures: signatures)
    }

    /// The stored form, with a line feed; throws for a type that JSON cannot hold.
    public func bytes() throws -> [UInt8] {
        let json: JSONValue = [
            "payload": .string(StrictBase64.text(payload)), "payloadType": .string(payloadType),
            "signatures": .array(
                signatures.map { ["keyid": .string($0.keyID), "sig": .string(StrictBase64.text($0.bytes))] }
            ),
        ]
        return try json.canonicalBytes()
    }

    /// Whether a key signed type and payload.
    public func isSigned(by key: VerifierKey) -> Bool {
        let message = LMDBEventLog.attestedMessage(payloadType: payloadType, payload: payload)
        return signatures.contains { key.verifies($0.bytes, over: message) }
    }
}
