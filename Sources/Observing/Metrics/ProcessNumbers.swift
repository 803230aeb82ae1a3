internal import DurableFiles
internal import Glibc
internal import Synchronization

/// What the kernel says of this process and of a disk.
package struct ProcessNumbers: Sendable {
    /// Bytes in RAM.
    package let residentBytes: Int
    /// Time of processors used, in seconds.
    package let cpuSeconds: Double
    /// Open file descriptors.
    package let openFiles: Int
    /// How many it may have.
    package let mostFiles: Int
    /// When it started, in seconds since 1970.
    package let startedAt: Double

    /// Reads them; nil where `/proc` is not there.
    package static func read() -> ProcessNumbers? {
        guard let bytes = try? DurableFile.read("/proc/self/stat", limit: 4_096) else { return nil }
        // The name of the program stands in brackets and may hold anything: the last bracket ends it.
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].split(separator: " ")
        guard fields.count > 22, let user = Double(fields[12]), let system = Double(fields[13]),
            let start = Double(fields[20]), let pages = Int(fields[22])
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        var (wall, boot) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &wall)
        clock_gettime(CLOCK_BOOTTIME, &boot)
        return ProcessNumbers(
            residentBytes: pages * sysconf(Int32(_SC_PAGESIZE)),
            cpuSeconds: (user + system) / ticks,
            openFiles: openDescriptors(),
            mostFiles: Int(clamping: limit.rlim_cur),
            startedAt: seconds(wall) - seconds(boot) + start / ticks
        )
    }

    /// Free bytes for this user, and all bytes, of the disk that holds a path; nil where it cannot be asked.
    package static func disk(of path: String) -> (free: Int, size: Int)? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let block = UInt64(status.f_frsize)
        return (Int(clamping: UInt64(status.f_bavail) &* block), Int(clamping: UInt64(status.f_blocks) &* block))
    }

    /// Microseconds since 1970.
    package static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }

    private static func seconds(_ time: timespec) -> Double { Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 }

    private static func openDescriptors() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // "." and "..", and the one that reads.
        return max(0, count - 3)
    }
}

extension PrometheusMetrics {
    /// Tells a scrape which program this is, and what the kernel says of its process.
    package func sampleProcess(version: String) {
        sample(.buildInfo) { [([version], 1)] }
        let process = Mutex<ProcessNumbers?>(nil)
        // The first of them in the catalogue's order reads for all.
        sample(.memory) {
            let read = ProcessNumbers.read()
            process.withLock { $0 = read }
            return read.map { [([], Double($0.residentBytes))] } ?? []
        }
        func sampleNumber(_ definition: MetricDefinition, _ value: @escaping @Sendable (ProcessNumbers) -> Double) {
            sample(definition) { process.withLock { $0 }.map { [([], value($0))] } ?? [] }
        }
        sampleNumber(.cpu) { $0.cpuSeconds }
        sampleNumber(.openFiles) { Double($0.openFiles) }
        sampleNumber(.mostFiles) { Double($0.mostFiles) }
        sampleNumber(.started) { $0.startedAt }
    }
}
