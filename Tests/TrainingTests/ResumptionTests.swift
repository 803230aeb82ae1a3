import CanonicalJSON
import EventStore
import EventStoreTesting
import Foundation
import Glibc
import MadeTables
import PlantSamples
import RoutingDomain
import RoutingModel
import Synchronization
import Testing
import Training

@Suite("Going on from an earlier run")
struct ResumptionTests {
    /// Runs until a step begins, and is called off there.
    private static func calledOff(
        _ home: TrainingHome,
        _ run: String,
        in step: TrainingStep,
        kind: String = "sqlite",
        items: Int = 200
    ) async throws {
        let (steps, reached) = AsyncStream.makeStream(of: Void.self)
        let training = home.run(run, kind: kind) { if $0.step == step { reached.yield() } }
        let task = Task { try await training.run { try await TrainingHome.source(items) } }
        for await _ in steps { break }
        task.cancel()
        _ = await task.result
    }

    @Test(
        "From every step on a run gives the digests of one that was never stopped, and names what it did not make itself",
        arguments: [TrainingStep.prepare, .fit, .index, .evaluate, .package],
        ["sqlite", "postgresql"]
    )
    func resumed(step: TrainingStep, kind: String) async throws {
        let whole = try TrainingHome()
        let expected = try await whole.run(kind: kind).run { try await TrainingHome.source() }.digests.map(\.digest)
        let home = try TrainingHome()
        let (first, second) = (UUID().text, UUID().text)
        try await Self.calledOff(home, first, in: step, kind: kind)
        let made = try home.steps(first)
        let reads = Mutex(0)
        let outcome = try await home.run(second, kind: kind, resumes: first).run {
            reads.withLock { $0 += 1 }
            return try await TrainingHome.source()
        }
        #expect(outcome.digests.dropLast().map(\.digest) == expected.dropLast())
        let steps = try home.steps(second)
        #expect(steps.prefix(made.count).allSatisfy { $0.reusedFrom == first || $0.step == .package }, "\(steps)")
        #expect(zip(steps, made).allSatisfy { $0.facts == $1.facts && $0.digest == $1.digest })
        #expect(reads.withLock { $0 } == (kind == "sqlite" ? 1 : 0), "a server's rows are those that were kept")
        #expect(home.kept.isEmpty, "a run that is through keeps nothing, of itself and of the one before")
        let starts = try home.log.page(from: 0, limit: 1_000).events.filter { $0.type == "training.started" }
        let start = String(decoding: try #require(starts.last).data, as: UTF8.self)
        #expect(start.contains("\"resumed_from\":\"\(first)\""))
        await home.log.close()
        await whole.log.close()
    }

    @Test("What was altered since is made anew, and gives the same")
    func altered() async throws {
        let home = try TrainingHome()
        let (first, second) = (UUID().text, UUID().text)
        try await Self.calledOff(home, first, in: .evaluate)
        let path = home.folder.path("data/training/\(first)/kept/fit.times.json")
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: path))
        let made = try home.steps(first)
        _ = try await home.run(second, resumes: first).run { try await TrainingHome.source() }
        let steps = try home.steps(second)
        #expect(steps.prefix(4).map { $0.reusedFrom != nil } == [true, true, false, false])
        #expect(zip(steps, made).allSatisfy { $0.digest == $1.digest })
        await home.log.close()
    }

    @Test("Other settings, another source, an unknown run and one that came through are refused, each with its reason")
    func refused() async throws {
        let home = try TrainingHome()
        let first = UUID().text
        try await Self.calledOff(home, first, in: .index)
        func rejection(_ run: TrainingRun, items: Int = 200) async throws -> String {
            do {
                _ = try await run.run { try await TrainingHome.source(items) }
                return "none"
            } catch let rejection as Rejection {
                return rejection.message
            }
        }
        let size = try home.log.head().size
        #expect(
            try await rejection(home.run(settings: ["index.seed": 7], resumes: first))
                .contains("index.seed was not set and is 7")
        )
        #expect(
            try await rejection(home.run(kind: "access", resumes: first)).contains("its source was plant.db (sqlite)")
        )
        #expect(try await rejection(home.run(resumes: UUID().text)).contains("there is no training run"))
        #expect(try home.log.head().size == size, "a refusal begins no run")
        #expect(try await rejection(home.run(resumes: first), items: 201).contains("holds other rows now"))
        let through = UUID().text
        _ = try await home.run(through, resumes: first).run { try await TrainingHome.source() }
        #expect(try await rejection(home.run(resumes: through)).contains("came through"))
        await home.log.close()
    }

    @Test("Of runs that did not come through the newest two are kept, and those of the last day")
    func bounded() async throws {
        let home = try TrainingHome()
        let runs = (0..<4).map { _ in UUID().text }
        for run in runs { try await Self.calledOff(home, run, in: .fit, items: 60) }
        #expect(Set(home.kept) == Set(runs.suffix(2)))
        let old = Date(timeIntervalSinceNow: -2 * 24 * 3_600)
        for run in home.kept {
            let path = home.folder.path("data/training/\(run)/kept")
            try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        }
        let newest = UUID().text
        try await Self.calledOff(home, newest, in: .fit, items: 60)
        #expect(home.kept == [newest])
        await home.log.close()
    }

    @Test(
        "A disk that is full while files are packed ends the run with its reason and no version; with room it goes on"
    )
    func fullDisk() async throws {
        let home = try TrainingHome()
        let place = home.folder.path("data/training")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        func run(_ arguments: String...) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = arguments
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard geteuid() == 0, try run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place) == 0 else {
            print("skipped: a full disk while packaging: mounting needs root")
            return
        }
        defer { _ = try? run("umount", "-l", place) }
        let first = UUID().text
        let filler = "\(place)/\(first)/filler"
        let training = home.run(first) { progress in
            guard progress.step == .package, let file = fopen(filler, "w") else { return }
            // To the last byte.
            for size in [65_536, 1] {
                let part = [UInt8](repeating: 1, count: size)
                while fwrite(part, 1, size, file) == size, fflush(file) == 0 {}
            }
            fclose(file)
        }
        await #expect(throws: (any Error).self) { try await training.run { try await TrainingHome.source() } }
        #expect(try home.types.last == "training.failed")
        #expect(home.leftovers.isEmpty && home.kept == [first], "no half version; what the steps made is there")
        let outcome = try await home.run(resumes: first).run { try await TrainingHome.source() }
        #expect(home.leftovers == [outcome.version])
        await home.log.close()
    }
}
