internal import DurableFiles
internal import Foundation

/// The pages for people in an audit bundle that are the same in each: `README`, and `report.html` without its data.
///
/// `verify_bundle.py` knows the digests of both, so a change of one is a change of the verifier: `scripts/seal-bundle.py`.
package enum BundlePages {
    /// `README`.
    package static var readme: [UInt8] { get throws { try resource("README.txt") } }

    /// `report.html`, with an empty place for the data.
    package static var report: [UInt8] { get throws { try resource("report.html") } }

    private static func resource(_ name: String) throws -> [UInt8] {
        try DurableFile.read(
            Bundle.module.bundleURL.appending(path: "Resources/\(name)").path(percentEncoded: false)
        )
    }
}
