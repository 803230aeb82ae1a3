internal import Foundation

/// The verifier that comes with each bundle.
public enum BundleVerifier {
    /// The bytes of `verify_bundle.py`.
    public static var script: [UInt8] {
        get throws {
            Array(try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Resources/verify_bundle.py")))
        }
    }
}
