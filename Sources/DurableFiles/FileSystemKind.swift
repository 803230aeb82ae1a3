internal import CPOSIX

/// The kind of file system under a path, as far as a memory-mapped log cares.
package enum FileSystemKind: Equatable, Sendable {
    /// ext4, xfs, btrfs, zfs, tmpfs and everything else with coherent mmap and local locks.
    case local
    /// A container's overlay: works, but the data is lost with the container's layer unless a volume is mounted.
    case overlay
    /// NFS, CIFS, SMB, 9p, FUSE, AFS, Ceph: locks and mmap are not coherent between hosts.
    case network(String)

    /// The kind under an existing path, from `statfs`.
    package static func of(_ path: String) throws(FileFault) -> FileSystemKind {
        var type: Int64 = 0
        guard cposix_file_system_type(path, &type) == 0 else {
            throw FileFault("ask for the file system of", path: path)
        }
        return FileSystemKind(type: type)
    }

    /// The kind that an `f_type` of statfs(2) stands for; an unknown one is taken to be local.
    package init(type: Int64) {
        switch type & 0xffff_ffff {
        case 0x6969: self = .network("NFS")
        case 0xff53_4d42, 0xfe53_4d42, 0x517b: self = .network("CIFS/SMB")
        case 0x0102_1997: self = .network("9p")
        case 0x5346_414f: self = .network("AFS")
        case 0x00c3_6400: self = .network("Ceph")
        case 0x6573_5546: self = .network("FUSE")
        case 0x794c_7630: self = .overlay
        default: self = .local
        }
    }
}
