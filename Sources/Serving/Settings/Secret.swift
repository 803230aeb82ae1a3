internal import DurableFiles
internal import Glibc

/// Reads secrets from where they may stand: a file that only its owner reads, or a credential of systemd.
package enum Secret {
    /// The bytes of a secret's file without a line end at their end.
    ///
    /// Refuses a file that its group or others may read or write. The message names the file, never its content.
    package static func read(_ path: String) throws(SettingsFault) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW)
            guard try file.permissions() & 0o077 == 0 else {
                throw SettingsFault("\(path) can be read by others", hint: "chmod 0400 \(path)")
            }
            return try trimmed(DurableFile.contents(of: file, path: path, limit: 64 << 10))
        } catch let fault as SettingsFault {
            throw fault
        } catch let fault as FileFault {
            throw SettingsFault(fault.description, hint: fault.hint)
        } catch {
            throw SettingsFault("\(path) cannot be read", hint: "\(error)")
        }
    }

    /// The bytes of a credential that systemd hands over, or nil when there is none of that name.
    package static func credential(_ name: String, environment: [String: String]) throws(SettingsFault) -> [UInt8]? {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], access("\(folder)/\(name)", F_OK) == 0 else {
            return nil
        }
        do { return trimmed(try DurableFile.read("\(folder)/\(name)", limit: 64 << 10)) } catch {
            throw SettingsFault(error.description, hint: error.hint)
        }
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] { bytes.last == 0x0a ? bytes.dropLast() : bytes }
}
