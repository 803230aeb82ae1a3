internal import DurableFiles
internal import Glibc

extension LMDBEventLog {
    /// Copies the log as it is at one moment into a folder, while others append.
    ///
    /// The folder must exist and hold no `data.mdb`. Writers wait only while the two meta pages are copied; pages that are
    /// overwritten meanwhile are kept for the copy. When it returns, the copy is on disk. Throws
    /// ``EventStoreError/Code/diskFull`` and what files throw; the caller removes a copy that was not finished.
    package func copy(to folder: String) throws(EventStoreError) {
        do {
            let file = try FileDescriptor.open("\(folder)/data.mdb", O_WRONLY | O_CREAT | O_EXCL)
            try environment.copy(to: file.raw)
            try file.synchronise()
            try DurableFile.synchroniseDirectory(folder)
        } catch let fault as FileFault {
            throw .file(fault)
        } catch let error as EventStoreError {
            throw error
        } catch {
            preconditionFailure("copying throws file faults and log errors only")
        }
    }
}
