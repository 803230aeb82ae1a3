internal import CanonicalJSON
package import EventStore
internal import Proofs
internal import RoutingDomain

/// What a log vouches for when it signs a version: an in-toto statement of every file with its digest, `manifest.json` among them.
///
/// It stands in a DSSE envelope, whose signed bytes begin with `DSSEv1`: no signature under it can be taken for one under a tree head.
package struct ModelStatement: Equatable, Sendable {
    /// The media type of the payload.
    package static let payloadType = "application/vnd.in-toto+json"
    /// The greatest envelope that is read, in bytes.
    package static let sizeLimit = 16 << 20
    private static let statementType = "https://in-toto.io/Statement/v1"
    private static let predicateType = "urn:daybook:model-registered:v1"

    /// The version that is meant.
    package let version: String
    /// The name of the log in which it is registered.
    package let origin: String
    /// The SHA-256 of each file, by its name.
    package let digests: [String: String]

    /// The statement of a manifest: itself, and every file that it lists.
    package init(_ manifest: Manifest, origin: String) {
        version = manifest.version.description
        self.origin = origin
        var digests = Dictionary(manifest.files.map { ($0.name, $0.sha256) }, uniquingKeysWith: { first, _ in first })
        digests[SafeName.manifest] = Manifest.digest(manifest.bytes)
        self.digests = digests
    }

    /// Reads a payload; nil for anything but the canonical bytes of such a statement.
    package init?(payload: [UInt8]) {
        guard let json = try? JSONReader.canonical(payload), json["_type"]?.text == Self.statementType,
            json["predicateType"]?.text == Self.predicateType, let version = json["predicate"]?["version"]?.text,
            let origin = json["predicate"]?["origin"]?.text, let listed = json["subject"]?.elements
        else { return nil }
        var digests: [String: String] = [:]
        for subject in listed {
            guard let name = subject["name"]?.text, let digest = subject["digest"]?["sha256"]?.text,
                SafeName.isAllowed(name), Manifest.isDigest(digest),
                digests.updateValue(digest, forKey: name) == nil
            else { return nil }
        }
        guard !digests.isEmpty else { return nil }
        (self.version, self.origin, self.digests) = (version, origin, digests)
    }

    /// The bytes of the signature file: the statement, signed by a log's key.
    ///
    /// Throws ``EventStore/EventStoreError`` when the key is not at hand. Blocks.
    package func signed(by log: any EventLog) throws -> [UInt8] {
        let payload = try payload
        let (keyID, signature) = try log.attest(payloadType: Self.payloadType, payload: payload)
        let envelope = Envelope(
            payloadType: Self.payloadType,
            payload: payload,
            signatures: [Envelope.Signature(keyID: keyID, bytes: signature)]
        )
        return try envelope.bytes()
    }

    /// The bytes that are signed for, without their envelope.
    package var payload: [UInt8] {
        get throws {
            let subjects = digests.sorted { $0.key < $1.key }.map { name, digest -> JSONValue in
                ["name": .string(name), "digest": ["sha256": .string(digest)]]
            }
            let statement: JSONValue = [
                "_type": .string(Self.statementType), "subject": .array(subjects),
                "predicateType": .string(Self.predicateType),
                "predicate": ["version": .string(version), "origin": .string(origin)],
            ]
            return try statement.canonicalBytes()
        }
    }

    /// The statement in an envelope and the key of these that signed it; nil for other bytes, and where none of them did.
    package static func verified(_ envelope: [UInt8], keys: [VerifierKey]) -> (ModelStatement, VerifierKey)? {
        guard let envelope = Envelope(bytes: envelope), envelope.payloadType == payloadType,
            let key = keys.first(where: { envelope.isSigned(by: $0) }),
            let statement = ModelStatement(payload: envelope.payload)
        else { return nil }
        return (statement, key)
    }
}

/// Whether a log vouches for the manifest in a folder.
package enum SignatureState: Equatable, Sendable {
    /// One of the keys signed this manifest and this list of files.
    case signed(by: VerifierKey)
    /// There is no signature: the version was registered before there were any, or somebody took it away.
    case absent
    /// There is one, and it does not hold; the text says why.
    case refused(String)
}

extension ModelFolder {
    /// Says whether one of a log's keys signed the manifest in a folder; needs nothing but the folder and the keys.
    ///
    /// `path` is the folder itself, `keys` all keys that the log ever had, in any order. That the files are those of the manifest is
    /// another question: ``verify(home:folder:manifestDigest:signatureDigest:keys:progress:)``. Never throws: what cannot be read is refused.
    package static func signature(of path: String, keys: [VerifierKey]) -> SignatureState {
        do {
            return try signature(in: FolderReader(path: path, followsLink: true), keys: keys)
        } catch {
            return .refused(error.message)
        }
    }

    static func signature(in folder: FolderReader, keys: [VerifierKey]) throws(ModelFolderFault) -> SignatureState {
        guard try folder.status(of: SafeName.signature) != nil else { return .absent }
        let envelope = try folder.contents(SafeName.signature, limit: ModelStatement.sizeLimit)
        guard let (statement, key) = ModelStatement.verified(envelope, keys: keys) else {
            return .refused("none of the log's \(keys.count) keys signed it")
        }
        let bytes = try folder.contents(SafeName.manifest, limit: Manifest.sizeLimit)
        let manifest = try Manifest(bytes: bytes, path: "\(folder.path)/\(SafeName.manifest)")
        guard statement.digests[SafeName.manifest] == Manifest.digest(bytes) else {
            return .refused("it is for another \(SafeName.manifest)")
        }
        guard statement == ModelStatement(manifest, origin: statement.origin), statement.origin == key.name else {
            return .refused("it is for another version, list of files or log")
        }
        return .signed(by: key)
    }
}
