package import RoutingDomain

/// Which version is to be served, and what the log says of its files.
package struct ServingOrder: Sendable, Equatable {
    package let version: String
    /// SHA-256 of `manifest.json`, in hexadecimal.
    package let manifestSha256: String
    /// SHA-256 of the signature beside the manifest; nil for a version that was registered without one.
    package let signatureSha256: String?
    /// The folder's name beneath `models/`.
    package let folder: String
    /// Where the activation stands in the log: a later one goes before it.
    package let position: UInt64
    /// Where the registration of the version stands in the log.
    package let registeredAt: UInt64

    /// Whether a registration says of the files just what this order does.
    package func isOf(_ event: ModelRegistered) -> Bool {
        version == event.version && manifestSha256 == event.manifestSha256 && signatureSha256 == event.signatureSha256
            && folder == Self.folder(of: event)
    }

    /// The name that a registration gives the folder: any text, until somebody looks whether it may be one.
    static func folder(of event: ModelRegistered) -> String {
        let parts = event.manifestPath.split(separator: "/")
        return parts.count == 3 ? String(parts[1]) : event.version
    }

    /// Whether the same files are meant: an activation of what is served already asks for nothing new.
    func hasSameFiles(as other: ServingOrder) -> Bool {
        version == other.version && manifestSha256 == other.manifestSha256
    }
}

/// What the log says to the inference service, up to a position.
///
/// Folded from the events of ``types`` alone. An event that was applied before changes nothing, so that streams may be read first and
/// the log be followed from an earlier position.
package struct FollowedState: Sendable {
    private struct Registered: Sendable {
        let manifestSha256: String
        let signatureSha256: String?
        let folder: String
        let position: UInt64
    }

    private var registered: [String: Registered] = [:]
    private var active: (version: String, position: UInt64)?
    private var runtime = ConfigValues(.runtime)
    private var applied: [String: UInt64] = [:]

    package init() {}

    /// The event types that change it.
    package static let types: Set<String> = [
        ModelRegistered.about.type, ModelActivated.about.type, ConfigPatched.about.type, ConfigRestored.about.type,
    ]

    package mutating func apply(_ past: HistoricEvent) {
        if let position = applied[past.stream], past.position <= position { return }
        applied[past.stream] = past.position
        switch past.event {
        case let event as ModelRegistered:
            registered[event.version] = Registered(
                manifestSha256: event.manifestSha256,
                signatureSha256: event.signatureSha256,
                folder: ServingOrder.folder(of: event),
                position: past.position
            )
        // Another service answers with it: what serves here serves on.
        case let event as ModelActivated where event.isExternal: break
        case let event as ModelActivated: active = (event.version, past.position)
        default: runtime.apply(past)
        }
    }

    /// What is to be served; nil before the first activation.
    package var order: ServingOrder? {
        guard let active, let registered = registered[active.version] else { return nil }
        return ServingOrder(
            version: active.version,
            manifestSha256: registered.manifestSha256,
            signatureSha256: registered.signatureSha256,
            folder: registered.folder,
            position: active.position,
            registeredAt: registered.position
        )
    }

    /// How requests are answered.
    package var settings: ServingSettings { ServingSettings(runtime.effective) }
}
