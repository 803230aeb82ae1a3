import CanonicalJSON
import EventStoreTesting
import Foundation
import Testing

/// Audit bundles by the real program, checked by Python alone, and refused after any change.
@Suite(.serialized)
struct AuditBundleTests {
    /// A home in which something happened, with its key.
    static func plant() async throws -> (home: TestHome, key: String) {
        let home = try await TestHome.withActiveModels()
        let patch = ["config", "patch", "runtime", #"{"ef_search":99}"#, "--reason"]
        try await home.succeed(patch + ["=HYPERLINK(\"x\"), <script>alert(1)</script>\n한글"])
        return (home, try #require(try await home.json(["auditor-card"])["verifier_key"]?.text))
    }

    static func bundle(_ home: TestHome, _ words: [String] = []) async throws -> [UInt8] {
        let path = home.folder.path("\(UUID().uuidString).tar")
        try await home.succeed(["audit", "bundle", "--out", path] + words)
        return Array(try Data(contentsOf: URL(filePath: path)))
    }

    @Test("A bundle of a whole log is checked by Python alone, as a tar and unpacked, and says whose key was used")
    func genuine() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let tar = try await Self.bundle(home)
        let held = try await auditor.check(tar, key: key)
        #expect(held.exit == 0 && held.output.hasPrefix("key pinned by you\n"), "\(held)")
        #expect(held.output.hasSuffix("VERIFIED\n") && held.output.contains("an action that never was recorded"))
        let path = auditor.folder.path("x.tar")
        try Data(tar).write(to: URL(filePath: path))
        let alone = try await auditor.run([path])
        #expect(alone.exit == 0)
        #expect(
            alone.output.hasPrefix("KEY TAKEN FROM THE BUNDLE: proves only that it agrees with itself\n"),
            "\(alone)"
        )
        let unpacked = try await onThread {
            try Child(["/usr/bin/tar", "-xf", path, "-C", auditor.folder.path], environment: Program.environment())
                .result()
        }
        #expect(unpacked.exit == 0, "\(unpacked)")
        #expect(try await auditor.run([auditor.folder.path, "--key", key]).exit == 0)
        #expect(try BundleFile(tar).tar == tar, "the tests' own tar writer must agree before it may forge")
        let names = try BundleFile(tar).members.map(\.name)
        let size = try await home.json(["events", "show", "0"])["position"]?.number
        #expect(
            size == 0 && names.contains { $0.hasPrefix("tile/entries/000.p/") }
                && !names.contains { $0.hasPrefix("events/") }
        )
        for words in [[path, "--key", "nonsense"], ["nowhere.tar"], [], [path, "--key-file", path]] {
            #expect(try await auditor.run(words).exit == 64, "\(words)")
        }
    }

    @Test("The same request gives the same bytes; the export is an event; a file that is there is refused with 73")
    func reproducible() async throws {
        let ((home, _), out) = (try await Self.plant(), "out.tar")
        let last = try #require(try await home.events().last?["position"]?.number)
        let words = ["--to", "\(last)"]
        #expect(try await Self.bundle(home, words) == Self.bundle(home, words))
        let path = home.folder.path(out)
        let said = try await home.json(["audit", "bundle", "--out", path, "--only", "config"])
        let event = try #require(try await home.events().last)
        #expect(event["type"]?.text == "document.exported" && event["position"] == said["position"])
        #expect(event["payload"]?["sha256"] == said["sha256"] && event["payload"]?["names"]?.text == "listed")
        #expect(event["payload"]?["filter"]?.text == "only=config")
        try await home.refuses(["audit", "bundle", "--out", path], exit: 73, naming: [out, "exists already"])
        try await home.refuses(
            ["audit", "bundle", "--out", home.folder.path("n.tar"), "--from", "7", "--to", "3"],
            exit: 65,
            naming: ["no range"]
        )
        try await home.refuses(
            ["audit", "bundle", "--out", home.folder.path("n.tar"), "--only", "Config!"],
            exit: 64,
            naming: ["categories"]
        )
        let anonymous = try BundleFile(try await Self.bundle(home, ["--no-names"]))
        #expect(anonymous["names.json"].isEmpty)
        let name = try await home.json(["person", "list"]).elements?.first?["name"]?.text ?? "root"
        #expect(!String(decoding: anonymous["audit.csv"], as: UTF8.self).contains(",\(name),"))
        #expect(try await home.events().last?["payload"]?["names"]?.text == "none")
    }

    @Test("Any one byte changed in a bundle is found, in each member, header, padding and end")
    func everyByte() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let tar = try await Self.bundle(home)
        #expect(try await auditor.check(tar, key: key).exit == 0, "the control")
        var random = SeededGenerator()
        var places = [0, 511, tar.count - 1, tar.count - 1024]
        var at = 0
        for member in try BundleFile(tar).members {
            let end = at + 512 + member.bytes.count
            places.append(Int.random(in: at..<at + 512, using: &random))
            if !member.bytes.isEmpty { places.append(Int.random(in: at + 512..<end, using: &random)) }
            at += 512 + (member.bytes.count + 511) / 512 * 512
            if end < at { places.append(Int.random(in: end..<at, using: &random)) }
        }
        for place in places {
            var changed = tar
            changed[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            let said = try await auditor.check(changed, key: key)
            #expect(said.exit == 65 && said.output.contains("NOT VERIFIED: "), "byte \(place): \(said)")
        }
        for changed in [tar + [0], tar.dropLast(), tar.dropLast(512), Array(tar.prefix(700)), []] {
            #expect(try await auditor.check(Array(changed), key: key).exit == 65, "\(changed.count) bytes")
        }
    }

    @Test("A forger who makes the manifest agree again is found by the record behind each file")
    func resealed() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let genuine = try BundleFile(try await Self.bundle(home))
        let tile = try #require(genuine.members.first { $0.name.hasPrefix("tile/0/") }?.name)
        let bundle = try #require(genuine.members.first { $0.name.hasPrefix("tile/entries/") }?.name)
        let blob = try #require(genuine.members.first { $0.name.hasPrefix("blobs/") }?.name)
        let forgeries: [(String, (inout BundleFile) throws -> Void)] = [
            ("audit.csv", { try $0.replace("became active", with: "became passive", in: "audit.csv") }),
            ("events.ndjson", { try $0.replace("into service", with: "for a test", in: "events.ndjson") }),
            (
                "report.html",
                { try $0.replace("Every record here stands", with: "All records stand", in: "report.html") }
            ),
            ("report.html", { try $0.replace("checkpoint ", with: "checkpoint  ", in: "report.html") }),
            ("words.json", { try $0.replace("became active", with: "became passive", in: "words.json") }),
            ("names.json", { try $0.replace("system", with: "nobody", in: "names.json") }),
            ("README", { $0["README"] += [0x0a] }),
            ("consistency.txt", { $0["consistency.txt"] += Array("AAAA\n".utf8) }),
            ("keys/vkeys.txt", { $0["keys/vkeys.txt"] += [0x0a] }),
            ("artifacts.sha256", { $0["artifacts.sha256"].removeLast() }),
            ("bundle.json", { try $0.replace("\"from\":0", with: "\"from\":1", in: "bundle.json") }),
            ("tile", { $0[tile][40] ^= 1 }),
            ("record", { $0[bundle][400] ^= 1 }),
            ("record away", { $0.remove(bundle) }),
            ("blob", { $0[blob][4] ^= 1 }),
            ("blob away", { $0.remove(blob) }),
            ("another file", { $0["evil.txt"] = [1] }),
            ("size", { try $0.replace("/log\n", with: "/log\n1", in: "checkpoint") }),
            (
                "signature away",
                {
                    $0["checkpoint"] =
                        Array($0["checkpoint"].split(separator: 0x0a).prefix(3).joined(separator: [0x0a])) + [0x0a]
                }
            ),
        ]
        for (name, forge) in forgeries {
            var forged = genuine
            try forge(&forged)
            forged.reseal()
            let said = try await auditor.check(forged.tar, key: key)
            #expect(said.exit == 65, "\(name): \(said)")
        }
        var control = genuine
        control.reseal()
        #expect(try await auditor.check(control.tar, key: key).exit == 0, "the control")
        var note = genuine
        note["verify_bundle.py"] += Array("# other\n".utf8)
        note.reseal()
        let said = try await auditor.check(note.tar, key: key)
        #expect(said.exit == 0 && said.output.contains("the verify_bundle.py inside is not this program"), "\(said)")
    }

    @Test("Tricks of tar are refused: links, absolute paths, dots, duplicates, sizes beyond the end")
    func tarTricks() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let genuine = try BundleFile(try await Self.bundle(home))
        let tricks: [(inout BundleFile) -> Void] = [
            {
                $0.members[1].type = UInt8(ascii: "2"); $0.members[1].link = "/etc/passwd"
            },
            { $0.members[1].type = UInt8(ascii: "1") },
            { $0.members[1].type = UInt8(ascii: "5") },
            { $0.members.insert(.init(name: "/etc/passwd", bytes: [1]), at: 0) },
            { $0.members.insert(.init(name: "../x", bytes: [1]), at: 0) },
            { $0.members.insert($0.members[2], at: 2) },
            { $0.members.swapAt(2, 3) },
        ]
        for (number, trick) in tricks.enumerated() {
            var forged = genuine
            trick(&forged)
            let said = try await auditor.check(forged.tar, key: key)
            #expect(said.exit == 65, "trick \(number): \(said)")
        }
        let folder = auditor.folder.path("u/daybook-export")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/README", withDestinationPath: "/etc/passwd")
        #expect(try await auditor.run([auditor.folder.path("u"), "--key", key]).exit == 65)
    }

    @Test("Another key, another home's bundle and another home's head are refused")
    func otherHome() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let (other, otherKey) = try await Self.plant()
        let (tar, foreign) = (try await Self.bundle(home), try await Self.bundle(other))
        #expect(try await auditor.check(tar, key: otherKey).exit == 65)
        #expect(try await auditor.check(foreign, key: key).exit == 65)
        #expect(try await auditor.check(foreign, key: otherKey).exit == 0, "the control")
        var mixed = try BundleFile(tar)
        mixed["checkpoint"] = try BundleFile(foreign)["checkpoint"]
        mixed.reseal()
        #expect(try await auditor.check(mixed.tar, key: otherKey).exit == 65)
    }

    @Test("From a head that the auditor holds: growth is proven, and a history that was written anew is told loudly")
    func fromHead() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let copy = home.folder.path("copy")
        try FileManager.default.copyItem(atPath: home.path, toPath: copy)
        try await home.succeed(["task", "open", "only here"])
        let head = auditor.folder.path("head.txt")
        try await home.succeed(["tree-head", "--out", head])
        try await home.succeed(["task", "open", "and later"])
        let grown = try await auditor.check(try await Self.bundle(home, ["--from", head]), key: key, ["--head", head])
        #expect(grown.exit == 0 && grown.output.contains("and from the head you hold"), "\(grown)")

        // What the auditor has may be the card, or a head that a mail program gave the line ends of Windows.
        let (card, typed) = (auditor.folder.path("카드"), auditor.folder.path("typed.txt"))
        try await home.succeed(["auditor-card", "--out", card])
        try await home.succeed(["task", "open", "after the card"])
        let text = try String(contentsOfFile: head, encoding: .utf8)
        try Data(("\u{feff}" + text.replacing("\n", with: "\r\n")).utf8).write(to: URL(filePath: typed))
        for held in [card, typed] {
            let said = try await auditor.check(
                try await Self.bundle(home, ["--from", held]),
                key: key,
                ["--head", held]
            )
            #expect(said.exit == 0 && said.output.contains("and from the head you hold"), "\(said)")
            try await home.succeed(["proof", "consistency", "--from", held])
        }
        let (bent, two) = (auditor.folder.path("bent"), auditor.folder.path("two"))
        try Data(text.replacing("daybook.", with: "daybook,").utf8).write(to: URL(filePath: bent))
        try Data((text + "\n" + text).utf8).write(to: URL(filePath: two))
        for held in [bent, two] {
            for words in [
                ["audit", "bundle", "--out", auditor.folder.path("none.tar")], ["proof", "consistency"],
            ] {
                let said = try await home.run(words + ["--from", held])
                #expect(said.exit == 65, "the control: \(said)")
            }
        }

        // The same plant, from the moment of the copy on with another history, under the same key.
        for number in 0..<4 {
            let made = try await Program.run(["task", "open", "other \(number)", "--home", copy])
            #expect(made.exit == 0, "\(made)")
        }
        let path = auditor.folder.path("fork.tar")
        let fork = try await Program.run(["audit", "bundle", "--out", path, "--home", copy])
        #expect(fork.exit == 0, "\(fork)")
        #expect(try await auditor.run([path, "--key", key]).exit == 0, "without the head a fork agrees with itself")
        let told = try await auditor.run([path, "--key", key, "--head", head])
        #expect(told.exit == 65 && told.output.contains("HISTORY WAS REWRITTEN"), "\(told)")
        let refused = try await Program.run(
            ["audit", "bundle", "--from", head, "--out", auditor.folder.path("no.tar"), "--home", copy]
        )
        #expect(refused.exit == 65 && refused.errors.contains("does not contain the tree head"), "\(refused)")
    }

    @Test("A head in hand is taken from a file, with any line ends, and from the card; only one the log signed accuses")
    func heldHeads() async throws {
        let ((home, _), auditor) = (try await Self.plant(), try Auditor())
        let (card, head, newer) = (auditor.folder.path("카드"), auditor.folder.path("h"), auditor.folder.path("n"))
        try await home.succeed(["auditor-card", "--out", card])
        try await home.succeed(["tree-head", "--out", head])
        let tar = auditor.folder.path("x.tar")
        try Data(try await Self.bundle(home)).write(to: URL(filePath: tar))
        try await home.succeed(["task", "open", "later"])
        try await home.succeed(["tree-head", "--out", newer])
        func check(_ held: String, _ python: [String] = ["python3", "-I"]) async throws -> Outcome {
            try await auditor.run([tar, "--key-file", card, "--head", held], python: python)
        }
        func file(_ text: String) throws -> String {
            let path = auditor.folder.path(UUID().uuidString)
            try Data(text.utf8).write(to: URL(filePath: path))
            return path
        }
        let text = try String(contentsOfFile: head, encoding: .utf8)
        let ascii = ["PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0", "PYTHONIOENCODING=ascii", "LC_ALL=C", "python3"]
        let typed = try file("\u{feff}" + text.replacing("\n", with: "\r\n"))
        for (held, python) in [
            (head, ["python3", "-I"]), (card, ["python3", "-I"]), (typed, ["python3", "-I"]), (card, ascii),
        ] {
            let said = try await check(held, python)
            #expect(said.exit == 0 && said.output.contains("and from the head you hold"), "\(held): \(said)")
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let bare = try file(lines.prefix(3).joined(separator: "\n") + "\n")
        var bent = Array(text.utf8)
        bent[bent.count - 20] = bent[bent.count - 20] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        let flipped = try file(String(decoding: bent, as: UTF8.self))
        for (held, words) in [
            (newer, "is newer than this bundle's"), (bare, "unsigned"), (flipped, "signature is wrong"),
        ] {
            let said = try await check(held)
            #expect(said.exit == 65 && said.output.contains(words), "\(said)")
            #expect(!said.output.contains("REWRITTEN"), "\(said)")
        }
        let (empty, pipe) = (auditor.folder.path("묶음.tar"), auditor.folder.path("pipe"))
        try Data().write(to: URL(filePath: empty))
        #expect(mkfifo(pipe, 0o600) == 0)
        let nothing = try await auditor.run([empty], python: ascii)
        #expect(nothing.exit == 65 && nothing.output.contains("is an empty file"), "\(nothing)")
        for words in [[pipe], [tar, "--head", pipe], [tar, "--key-file", pipe], [tar, "--head", tar]] {
            #expect(try await auditor.run(words).exit == 64, "\(words)")
        }
    }

    @Test("A choice that would give a bundle of nothing is refused, and a date as beginning is the start of that day")
    func nothingChosen() async throws {
        let zone = try #require(TimeZone(identifier: "Asia/Seoul"))
        let day = Date().formatted(Date.ISO8601FormatStyle(timeZone: zone).year().month().day())
        let (home, _) = try await Self.plant()
        let words = ["audit", "bundle", "--out", home.folder.path("n.tar")]
        try await home.refuses(words + ["--only", "activations"], exit: 65, naming: ["activations", "activation, "])
        let count = try await home.events().count
        for from in ["\(count)", "2999-01-01", "now"] {
            try await home.refuses(words + ["--from", from], exit: 65, naming: ["no range"])
        }
        #expect(try await home.events().count == count, "a refusal changes nothing")
        let made = try await home.json(words + ["--from", day])
        #expect(made["entries"]?.number == count, "\(made)")
    }

    @Test("A chosen part proves its records and says that it does not prove the choice complete")
    func filtered() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let tar = try await Self.bundle(home, ["--only", "activation,config"])
        let held = try await auditor.check(tar, key: key)
        #expect(held.exit == 0 && held.output.contains("FILTERED"), "\(held)")
        var fewer = try BundleFile(tar)
        let last = try #require(fewer.members.last { $0.name.hasPrefix("events/") }?.name)
        fewer.remove(last)
        fewer.reseal()
        #expect(try await auditor.check(fewer.tar, key: key).exit == 65)
    }

    @Test("A redacted record is told as such, and its replacement is checked")
    func redacted() async throws {
        let ((home, key), auditor) = (try await Self.plant(), try Auditor())
        let position = try #require(
            try await home.events().last { $0["type"]?.text == "config.patched" }?["position"]?.number
        )
        try await home.succeed(["redact", "\(position)", "--reason", "a name stood there", "--basis", "Art. 17"])
        let tar = try await Self.bundle(home)
        let held = try await auditor.check(tar, key: key)
        #expect(held.exit == 0 && held.output.contains("redacted    position \(position):"), "\(held)")
        var forged = try BundleFile(tar)
        #expect(String(decoding: forged["audit.csv"], as: UTF8.self).contains("[redacted at \(position)]"))
        #expect(!String(decoding: forged.tar, as: UTF8.self).contains("HYPERLINK"))
        try forged.replace("\"kind\":\"patch\"", with: "\"kind\":\"undo!\"", in: "events/\(position).event")
        forged.reseal()
        let refused = try await auditor.check(forged.tar, key: key)
        #expect(refused.exit == 65, "\(refused)")
    }

    @Test("A full disk leaves nothing behind under the bundle's name")
    func fullDisk() async throws {
        guard getuid() == 0 else {
            return Skipped.line("a bundle on a full disk", because: "only root can mount a small one")
        }
        let (home, folder) = (try await Self.plant().home, try TemporaryFolder("daybook-small"))
        let mount = try await onThread {
            try Child(
                ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder.path],
                environment: Program.environment()
            ).result()
        }
        guard mount.exit == 0 else { return Skipped.line("a bundle on a full disk", because: "mount is not allowed") }
        defer { umount2(folder.path, Int32(MNT_DETACH)) }
        let events = try await home.events().count
        let refused = try await home.run(["audit", "bundle", "--out", folder.path("x.tar")])
        #expect(refused.exit == 75 && refused.errors.contains("x.tar"), "\(refused)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        #expect(try await home.events().count == events)
    }
}
