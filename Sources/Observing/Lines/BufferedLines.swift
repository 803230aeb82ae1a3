internal import Dispatch
package import DurableFiles
internal import Synchronization

/// Lines on their way to a file: whoever adds one never waits for the disk.
///
/// One thread writes what has gathered, 50 ms after the first line of a batch. What the disk does not take stays and is tried
/// again each second; above the bound further lines are dropped and counted. The file then says, in a line of its own, how many
/// are missing at that place: `{"dropped":12}`.
package final class BufferedLines: Sendable {
    private struct Waiting {
        var bytes: [UInt8] = []
        var lines = 0
        /// Bytes that are being written, and come back where the disk does not take them.
        var underWay = 0
        var isScheduled = false
        var dropped = 0
        /// Of the dropped ones, those that no line of the file tells of yet.
        var untold = 0
        var written = 0
        var isClosed = false
    }

    private let most: Int
    private let waiting = Mutex(Waiting())
    private let file: Mutex<RotatingFile>
    private let queue: DispatchQueue
    private let today: @Sendable () -> String
    private let told: @Sendable (FileFault?) -> Void

    /// Lines for a file; at most `most` bytes wait.
    ///
    /// `today` gives the day in UTC; `told` is called after each try, with why the disk did not take all of it, or nil.
    package init(
        _ file: consuming sending RotatingFile,
        most: Int = 4 << 20,
        today: @escaping @Sendable () -> String,
        told: @escaping @Sendable (FileFault?) -> Void = { _ in }
    ) {
        self.most = most
        self.file = Mutex(file)
        self.today = today
        self.told = told
        queue = DispatchQueue(label: "daybook.lines")
    }

    /// Lines written, lines given up, bytes that wait.
    package var state: (written: Int, dropped: Int, waiting: Int) {
        waiting.withLock { ($0.written, $0.dropped, $0.bytes.count + $0.underWay) }
    }

    /// Adds a line that `write` appends, its line end included; it must append exactly one.
    package func add(_ write: (inout [UInt8]) -> Void) {
        let delay: DispatchTimeInterval? = waiting.withLock { waiting in
            let before = waiting.bytes.count
            guard before + waiting.underWay < most, !waiting.isClosed else {
                waiting.dropped += 1
                waiting.untold += 1
                return nil
            }
            write(&waiting.bytes)
            waiting.lines += 1
            if !waiting.isScheduled {
                waiting.isScheduled = true
                return .milliseconds(50)
            }
            // Half full: the disk is slower than the lines come, or a burst is on.
            return before < most / 2 && waiting.bytes.count >= most / 2 ? .nanoseconds(0) : nil
        }
        guard let delay else { return }
        queue.asyncAfter(deadline: .now() + delay) { self.flush() }
    }

    /// Writes what waits; blocks.
    package func flush() {
        let isDone = file.withLock { file in write(to: &file) }
        guard !isDone else { return }
        queue.asyncAfter(deadline: .now() + .seconds(1)) { self.flush() }
    }

    /// Writes what waits and takes no further line; blocks.
    package func close() {
        file.withLock { file in _ = write(to: &file) }
        waiting.withLock { $0.isClosed = true }
        file.withLock { file in _ = write(to: &file) }
    }

    /// Whether nothing is left to be tried again.
    private func write(to file: inout RotatingFile) -> Bool {
        let (bytes, lines, untold) = waiting.withLock { waiting in
            let taken = (waiting.bytes, waiting.lines, waiting.untold)
            waiting.bytes = []
            waiting.bytes.reserveCapacity(min(most, max(64 << 10, taken.0.count)))
            (waiting.lines, waiting.untold, waiting.isScheduled) = (0, 0, false)
            waiting.underWay = taken.0.count
            return taken
        }
        guard !bytes.isEmpty || untold > 0 else { return true }
        let note = untold > 0 ? Array("{\"dropped\":\(untold)}\n".utf8) : []
        let (written, fault) = file.append(bytes + note, day: today())
        let rest = Array(bytes.dropFirst(written))
        let restLines = rest.isEmpty ? 0 : rest.count(where: { $0 == UInt8(ascii: "\n") })
        let isTold = written == bytes.count + note.count
        waiting.withLock { waiting in
            waiting.written += lines - restLines
            waiting.underWay = 0
            if !isTold { waiting.untold += untold }
            guard fault != nil else { return }
            waiting.bytes = rest + waiting.bytes
            waiting.lines += restLines
            waiting.isScheduled = true
        }
        told(fault)
        return fault == nil
    }
}
