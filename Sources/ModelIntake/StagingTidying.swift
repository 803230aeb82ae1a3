internal import DurableFiles
internal import Foundation
package import RoutingDomain

/// What a tidying of the staged files removed.
package struct TidiedUploads: Equatable, Sendable {
    /// The versions whose files went, in order.
    package fileprivate(set) var versions: [String] = []
    package fileprivate(set) var files = 0
    package fileprivate(set) var bytes = 0
    /// Why something could not be removed; the next tidying tries again.
    package fileprivate(set) var faults: [String] = []

    /// Nothing.
    package init() {}
}

extension StagingArea {
    /// Whether the area has a folder of any version; blocks.
    package var holdsAnything: Bool {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.contains { ModelVersion($0) != nil }
    }

    /// Removes the files of every version that nobody has sent a byte of since an instant.
    ///
    /// A version goes as a whole or stays: one file that grew since keeps the others. What is being sent or registered stays, however
    /// old. Folders that no version names are nobody's uploads and stay. Blocks.
    package func tidy(untouchedSince instant: Timestamp) -> TidiedUploads {
        var tidied = TidiedUploads()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for version in names.compactMap({ name in ModelVersion(name) }).sorted() {
            // From here to its end nobody can begin to send.
            guard let claim = try? close(version) else { continue }
            do {
                let place = path(of: version)
                let form = try FileForm(at: place, followingLinks: false)
                guard form.kind == .folder, form.changedAt < instant.microseconds else { continue }
                let files = try FileManager.default.contentsOfDirectory(atPath: place).map {
                    try FileForm(at: "\(place)/\($0)", followingLinks: false)
                }
                guard files.allSatisfy({ $0.changedAt < instant.microseconds }) else { continue }
                guard try discard(version, under: claim) else { continue }
                tidied.versions.append(version.description)
                tidied.files += files.count
                tidied.bytes += files.reduce(0) { $0 + $1.size }
            } catch {
                tidied.faults.append("\(version): \(error)")
            }
        }
        return tidied
    }
}
