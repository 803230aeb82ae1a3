internal import CanonicalJSON
public import Foundation

/// What surrounds an event besides its payload; every absent field is left out of the record.
public struct EventMetadata: Hashable, Sendable {
    /// `<how>/<door>`: how the actor was known and through which door, for example `local-uid/cli`.
    public var auth: String
    /// The event that caused this one.
    public var causation: UUID?
    /// The command_id of the first command of a chain.
    public var correlation: UUID?
    /// What a signature means: `approved`, `reviewed`.
    public var meaning: String?
    /// Why it was done, in the actor's words.
    ///
    /// Free text: kept in the clear, so no names of persons belong in it.
    public var reason: String?
    /// The request that brought the command, as the request log names it.
    public var requestID: String?
    /// 32 hexadecimal digits that keep a redacted text from being guessed back from its leaf hash; set by the log itself.
    public var salt: String?

    /// Metadata with the fields a command usually brings; the salt is the log's to set.
    public init(
        auth: String,
        reason: String? = nil,
        meaning: String? = nil,
        causation: UUID? = nil,
        correlation: UUID? = nil,
        requestID: String? = nil
    ) {
        self.auth = auth
        self.reason = reason
        self.meaning = meaning
        self.causation = causation
        self.correlation = correlation
        self.requestID = requestID
    }
}

extension EventMetadata {
    /// Reads the stored form; keys that this version does not know are passed over, as a later one may have written them.
    init(json: JSONValue) {
        auth = json["auth"]?.text ?? ""
        causation = json["causation"]?.text.flatMap(UUID.init(uuidString:))
        correlation = json["correlation"]?.text.flatMap(UUID.init(uuidString:))
        meaning = json["meaning"]?.text
        reason = json["reason"]?.text
        requestID = json["request_id"]?.text
        salt = json["salt"]?.text
    }
}
