internal import CanonicalJSON

/// The record that stands in the place of a redacted one: the same structure, the words gone.
///
/// Position, times, identifiers, stream, type, actor and every field not named stay byte for byte. The salt goes with the
/// words: with it left, a short text could be guessed back from the leaf hash that stays in the tile.
public enum RedactedRecord {
    /// Makes the replacement of a record, with `mark` in place of each text that `fields` names.
    ///
    /// `reason` and `meaning` name the envelope's, any other name a field of the payload. A record that was redacted before
    /// may lose further words. Throws ``RecordError`` for a field that holds no text here, for words that are gone already,
    /// and if nothing is named.
    public static func bytes(
        replacing event: RecordedEvent,
        fields: Set<String>,
        mark: String
    ) throws(RecordError) -> [UInt8] {
        guard !fields.isEmpty else { throw RecordError("no field is named") }
        var metadata = try members(event.metadataBytes, "meta")
        var data = try members(event.data, "data")
        for field in fields.sorted() {
            let isEnvelope = envelope.contains(field)
            guard let text = (isEnvelope ? metadata : data)[field]?.text else {
                throw RecordError("\(field) holds no words at position \(event.position)")
            }
            guard text != mark else { throw RecordError("\(field) at position \(event.position) is redacted already") }
            if isEnvelope { metadata[field] = .string(mark) } else { data[field] = .string(mark) }
        }
        metadata["salt"] = nil
        var record = Array(event.record[..<(event.record.startIndex + event.parts.stream.upperBound)])
        record[1] |= RecordFormat.redactedFlag
        for members in [metadata, data] {
            let text: [UInt8]
            do { text = try JSONValue.object(members).canonicalBytes() } catch { throw RecordError("\(error)") }
            record.append(bigEndian: UInt32(text.count))
            record += text
        }
        guard record.count <= RecordFormat.maximumBytes else {
            throw RecordError("the replacement of position \(event.position) would be larger than a record may be")
        }
        return record
    }

    /// The fields whose words can be removed here: those of `candidates` that hold text which is not `mark`.
    public static func fields(
        of event: RecordedEvent,
        among candidates: Set<String>,
        mark: String
    ) throws(RecordError) -> [String: String] {
        let (metadata, data) = (try members(event.metadataBytes, "meta"), try members(event.data, "data"))
        return candidates.reduce(into: [:]) { found, field in
            let value = envelope.contains(field) ? metadata[field] : data[field]
            if let text = value?.text, text != mark { found[field] = text }
        }
    }

    private static let envelope: Set<String> = ["meaning", "reason"]

    private static func members(_ bytes: ArraySlice<UInt8>, _ part: String) throws(RecordError) -> [String: JSONValue] {
        do {
            guard let members = try JSONReader.canonical(bytes).members else {
                throw RecordError("\(part) is no object")
            }
            return members
        } catch let error as RecordError {
            throw error
        } catch {
            throw RecordError("\(part): \(error)")
        }
    }
}
