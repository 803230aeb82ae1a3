package import Logging
package import ModelIntake
internal import RoutingDomain
package import Serving

/// Removes staged files that nobody goes on with.
package struct UploadTidying: Sendable {
    private let home: ControlHome
    private let keepDays: Int
    private let logger: Logger

    /// The settings of staged files.
    package static let settings = [
        Setting(
            "uploads.keep-days",
            .integer(1...3_650),
            .integer(7),
            "Days without a further byte after which files that were sent and never registered are removed."
        )
    ]

    /// Tidying of a home's staged files; what is younger than `keepDays` stays.
    package init(of home: ControlHome, keepDays: Int, logger: Logger) {
        self.home = home
        self.keepDays = keepDays
        self.logger = logger
    }

    /// Whether there are files that might be removed.
    package func isNeeded() async -> Bool {
        let staging = home.models.staging
        return (try? await home.blocking { staging.holdsAnything }) ?? true
    }

    /// Looks once, and says in the service's log what went; says nothing where nothing did.
    @discardableResult
    package func tidy() async -> TidiedUploads {
        let oldest = home.now.microseconds - Int64(keepDays) * 86_400_000_000
        let staging = home.models.staging
        let tidied = (try? await home.blocking { staging.tidy(untouchedSince: Timestamp(microseconds: oldest)) })
        guard let tidied else { return TidiedUploads() }
        if !tidied.versions.isEmpty {
            logger.notice(
                "unfinished uploads removed",
                metadata: [
                    "names": "\(tidied.versions.joined(separator: ", "))", "files": "\(tidied.files)",
                    "bytes": "\(tidied.bytes)",
                ]
            )
        }
        for fault in tidied.faults {
            logger.error("unfinished upload not removed", metadata: ["error": "\(fault)"])
        }
        return tidied
    }
}
