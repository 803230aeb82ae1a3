package import CanonicalJSON
package import RoutingDomain

/// An edit that somebody made to a rendered document; the edited file is kept and the true one written.
package struct DocumentEdit: Equatable, Sendable {
    /// Path of the document in the home.
    package let path: String
    /// Path in the home under which the edited file is kept.
    package let keptAs: String
    /// Digest of what Daybook had written.
    package let expectedSha256: String
    /// Digest of what was found.
    package let foundSha256: String
    /// For a configuration: the merge patch that would make the edit a change of settings.
    ///
    /// Nil if no valid setting differs.
    package var patch: JSONValue?
    /// Path in the home of the file that holds ``patch``, for `daybook config patch`.
    package var patchFile: String?
    /// What of the edit is not in the patch, and why: unknown keys, values out of range, a file that cannot be read.
    package var remarks: [String] = []

    /// The event that records the edit.
    package var event: DocumentEditFound {
        DocumentEditFound(path: path, keptAs: keptAs, expectedSha256: expectedSha256, foundSha256: foundSha256)
    }
}
