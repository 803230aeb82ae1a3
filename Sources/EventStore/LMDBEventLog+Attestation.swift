internal import CanonicalJSON

extension LMDBEventLog {
    /// What is signed for a DSSE envelope: its pre-authentication encoding, which no tree head can look like.
    public static func attestedMessage(payloadType: String, payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }

    /// Signs a payload of a named type with the log's key; returns the key id in hexadecimal and the 64 bytes.
    ///
    /// Throws ``EventStoreError/Code/keyUnavailable``. Blocks.
    public func attest(
        payloadType: String,
        payload: [UInt8]
    ) throws(EventStoreError) -> (keyID: String, signature: [UInt8]) {
        try keys.key(of: identity.verifierKey).attestation(payloadType: payloadType, payload: payload)
    }
}

extension LogKey {
    /// The key id in hexadecimal and the signature under a payload of a named type.
    package func attestation(payloadType: String, payload: [UInt8]) -> (keyID: String, signature: [UInt8]) {
        let message = LMDBEventLog.attestedMessage(payloadType: payloadType, payload: payload)
        guard let signature = try? signature(over: message) else {
            preconditionFailure("Ed25519 signs any message")
        }
        return (verifier.keyID.hexadecimal, signature)
    }
}
