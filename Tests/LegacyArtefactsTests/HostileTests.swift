import EventStoreTesting
import Foundation
import Testing

@testable import LegacyArtefacts

/// Bytes of pickles, written by hand.
private enum Bytes {
    static func short(_ text: String) -> [UInt8] { [0x8c, UInt8(text.utf8.count)] + Array(text.utf8) }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func stackGlobal(_ module: String, _ name: String) -> [UInt8] { short(module) + short(name) + [0x93] }

    static let reduceWithText = short("touch /tmp/never") + [0x85, UInt8(ascii: "R"), UInt8(ascii: ".")]
}

@Suite("Hostile pickles")
struct HostileTests {
    private func fault(_ bytes: [UInt8]) -> LegacyFault? {
        do {
            _ = try EncoderSample.encoder(bytes)
            return nil
        } catch { return error as? LegacyFault }
    }

    @Test("What would run code in Python is refused by name, however it is named")
    func names() throws {
        let names = [
            ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"), ("builtins", "eval"),
            ("builtins", "exec"), ("builtins", "getattr"), ("__builtin__", "eval"), ("builtins", "__import__"),
            ("importlib", "import_module"), ("runpy", "_run_code"), ("socket", "socket"), ("pty", "spawn"),
            ("numpy.testing._private.utils", "runstring"), ("numpy", "load"), ("joblib", "load"),
            ("joblib._memmapping_reducer", "reduce_array_memmap_backward"), ("sklearn.pipeline", "make_pipeline"),
            ("sklearn.preprocessing._data", "StandardScaler.fit"), ("copyreg", "_reconstructor"),
            ("functools", "partial"), ("operator", "attrgetter"), ("types", "FunctionType"), ("shutil", "rmtree"),
            ("sklearn.preprocessing._function_transformer", "FunctionTransformer.transform"), ("", ""),
        ]
        for (module, name) in names {
            for start in [Bytes.global(module, name), Bytes.stackGlobal(module, name)] {
                let found = fault([0x80, 4] + start + Bytes.reduceWithText)
                #expect(found?.code == .refused, "\(module).\(name)")
                #expect(found?.message.contains(module.isEmpty ? "." : "\(module).\(name)") == true)
            }
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/never"))
    }

    @Test("A listed name is not called as a function, nor made with arguments")
    func listed() {
        let scaler = Bytes.stackGlobal("sklearn.preprocessing._data", "StandardScaler")
        for instruction in ["R", "\u{81}"] {
            let code = instruction.unicodeScalars.map { UInt8($0.value) }
            let found = fault([0x80, 4] + scaler + Bytes.short("x") + [0x85] + code + [UInt8(ascii: ".")])
            #expect(found?.code == .refused && found?.message.contains("StandardScaler") == true)
        }
        // Not fitted: a record without attributes, and no crash.
        let bare = [0x80, 4] + scaler + [UInt8(ascii: ")"), 0x81, UInt8(ascii: ".")]
        #expect(fault(bare)?.code == .unsupported)
    }

    @Test("Instructions that reach outside are refused by name")
    func instructions() {
        for (code, name) in [
            (UInt8(ascii: "P"), "PERSID"), (UInt8(ascii: "Q"), "BINPERSID"), (UInt8(ascii: "i"), "INST"),
            (UInt8(ascii: "o"), "OBJ"), (0x82, "EXT1"), (0x92, "NEWOBJ_EX"), (0x97, "NEXT_BUFFER"),
        ] as [(UInt8, String)] {
            let found = fault([0x80, 4, code] + Array("x\ny\n.".utf8))
            #expect(found?.code == .refused && found?.message.contains(name) == true)
        }
    }

    @Test("Sizes that the file does not have are refused before anything is made")
    func sizes() {
        let most: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
        let promises: [[UInt8]] = [
            [UInt8(ascii: "X"), 0xff, 0xff, 0xff, 0xff], [UInt8(ascii: "B"), 0xff, 0xff, 0xff, 0x7f], [0x8d] + most,
            [0x8e] + most, [0x96] + most, [0x95] + most, [0x8b, 0xff, 0xff, 0xff, 0x7f], [0x8a, 0xff],
            [UInt8(ascii: "j"), 0xff, 0xff, 0xff, 0xff],
        ]
        for promise in promises { #expect(fault([0x80, 4] + promise)?.code == .damaged, "\(promise)") }
        // An array of 2^40 numbers in a few bytes, as NumPy and as joblib describe it.
        let type = Bytes.stackGlobal("numpy", "dtype") + Bytes.short("f8") + [0x85, UInt8(ascii: "R")]
        let shape: [UInt8] = [0x8a, 6, 0, 0, 0, 0, 0, 1, 0x85]
        let numpy =
            Bytes.stackGlobal("numpy._core.multiarray", "_reconstruct") + Bytes.stackGlobal("numpy", "ndarray")
            + [UInt8(ascii: "K"), 0, 0x85, UInt8(ascii: "C"), 1, 98, 0x87, UInt8(ascii: "R"), UInt8(ascii: "("), 75, 1]
            + shape + type + [0x89, UInt8(ascii: "C"), 1, 0, UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: ".")]
        #expect(fault([0x80, 4] + numpy)?.message.contains("do not fit") == true)
        let joblib =
            Bytes.stackGlobal("joblib.numpy_pickle", "NumpyArrayWrapper") + [UInt8(ascii: ")"), 0x81]
            + [UInt8(ascii: "}"), UInt8(ascii: "(")] + Bytes.short("subclass") + Bytes.stackGlobal("numpy", "ndarray")
            + Bytes.short("shape") + shape + Bytes.short("dtype") + type
            + [UInt8(ascii: "u"), UInt8(ascii: "b"), 0, 0, 0, UInt8(ascii: ".")]
        #expect(fault([0x80, 4] + joblib)?.code == .damaged)
    }

    @Test("Nesting without end, a list within itself and a million memories cost no more than their bytes")
    func bombs() {
        let million = 1_000_000
        let open = [UInt8](repeating: UInt8(ascii: "("), count: million)
        #expect(fault([0x80, 4] + open)?.code == .damaged)
        let nested =
            [UInt8](repeating: UInt8(ascii: "]"), count: million)
            + [UInt8](repeating: UInt8(ascii: "a"), count: million - 1)
        #expect(fault([0x80, 4] + nested + [UInt8(ascii: ".")])?.code == .unsupported)
        let itself: [UInt8] = [UInt8(ascii: "]"), 0x94, UInt8(ascii: "h"), 0, UInt8(ascii: "a"), UInt8(ascii: ".")]
        #expect(fault([0x80, 4] + itself)?.code == .unsupported)
        let memories = [UInt8(ascii: "N")] + [UInt8](repeating: 0x94, count: million) + [UInt8(ascii: ".")]
        #expect(fault([0x80, 4] + memories)?.code == .unsupported)
        // Ten lists of ten of the one before: 10^10 values for one who follows them.
        var laughs: [UInt8] = [UInt8(ascii: "]"), 0x94]
        for level in 0..<10 {
            laughs += [UInt8(ascii: "]"), 0x94, UInt8(ascii: "(")]
            for _ in 0..<10 { laughs += [UInt8(ascii: "h"), UInt8(level)] }
            laughs += [UInt8(ascii: "e")]
        }
        #expect(fault([0x80, 4] + laughs + [0x85, UInt8(ascii: ".")]) != nil)
        // One text made bytes again and again.
        var copies: [UInt8] =
            [UInt8(ascii: "X"), 0, 0, 2, 0] + [UInt8](repeating: 97, count: 0x20000) + [0x94, UInt8(ascii: "0")]
        copies += Bytes.stackGlobal("_codecs", "encode") + [0x94, UInt8(ascii: "0")]
        for _ in 0..<200 {
            copies += [UInt8(ascii: "h"), 1, UInt8(ascii: "h"), 0] + Bytes.short("latin1") + [0x86, UInt8(ascii: "R")]
        }
        #expect(fault([0x80, 4] + copies + [UInt8(ascii: ".")])?.message.contains("more copies") == true)
    }

    @Test("A compressed file has no more instructions than a file of its size has")
    func packedBombs() {
        let bytes: [UInt8] = [0x80, 4] + [UInt8](repeating: UInt8(ascii: "]"), count: 1_000_000)
        func message(packed: Int) -> String? {
            var machine = PickleMachine(bytes, packed: packed)
            do throws(LegacyFault) { _ = try machine.document() } catch { return error.message }
            return nil
        }
        #expect(message(packed: 1_000)?.contains("more instructions") == true)
        #expect(
            message(packed: bytes.count)?.contains("more instructions") == false,
            "the control: it lies there as it is"
        )
        #expect(JoblibFile.greatestContent(of: 1_000) < 1 << 25 && JoblibFile.greatestContent(of: 1 << 28) == 1 << 30)
    }

    @Test("Pipelines within each other, and one within itself, end at a depth")
    func recursion() {
        // steps = [("s", pipeline)] of the pipeline itself.
        let head = Bytes.stackGlobal("sklearn.pipeline", "Pipeline") + [UInt8(ascii: ")"), 0x81, 0x94]
        let tail: [UInt8] =
            [UInt8(ascii: "}")] + Bytes.short("steps") + [UInt8(ascii: "]")] + Bytes.short("s")
            + [UInt8(ascii: "h"), 0, 0x86, UInt8(ascii: "a"), UInt8(ascii: "s"), UInt8(ascii: "b"), UInt8(ascii: ".")]
        #expect(fault([0x80, 4] + head + tail)?.message.contains("16 steps") == true)
    }

    @Test("A pipeline that names one pipeline sixty times, and so on, ends at a number of steps")
    func laughingPipelines() {
        var bytes: [UInt8] = [0x80, 4]
        for level in 0..<12 {
            bytes += Bytes.stackGlobal("sklearn.pipeline", "Pipeline") + [UInt8(ascii: ")"), 0x81, 0x94]
            bytes += [UInt8(ascii: "}")] + Bytes.short("steps") + [UInt8(ascii: "]"), UInt8(ascii: "(")]
            for _ in 0..<(level == 0 ? 0 : 60) {
                bytes += Bytes.short("s") + [UInt8(ascii: "h"), UInt8(level - 1), 0x86]
            }
            bytes += [UInt8(ascii: "e"), UInt8(ascii: "s"), UInt8(ascii: "b")]
            if level < 11 { bytes.append(UInt8(ascii: "0")) }
        }
        #expect(fault(bytes + [UInt8(ascii: ".")])?.message.contains("4000000 steps") == true)
    }

    @Test("An array of 2^40 empty texts is refused, as it would cost no bytes")
    func emptyTexts() {
        let type = Bytes.stackGlobal("numpy", "dtype") + Bytes.short("U0") + [0x85, UInt8(ascii: "R")]
        let buffer =
            Bytes.stackGlobal("numpy._core.numeric", "_frombuffer") + [UInt8(ascii: "("), UInt8(ascii: "C"), 0] + type
            + [0x8a, 6, 0, 0, 0, 0, 0, 1, 0x85] + Bytes.short("C")
            + [UInt8(ascii: "t"), UInt8(ascii: "R"), UInt8(ascii: ".")]
        #expect(fault([0x80, 4] + buffer)?.message.contains("do not fit") == true)
    }

    @Test("A compressed file that grows without end, or that another program packed, is refused")
    func compressed() throws {
        for start in [Array("BZh9".utf8), [0xfd, 0x37, 0x7a, 0x58], [0x5d, 0, 0], [4, 0x22, 0x4d, 0x18]] as [[UInt8]] {
            #expect(fault(start + [0, 0, 0])?.code == .unsupported)
        }
        #expect(fault([0x78, 0x9c, 1, 2, 3])?.code == .damaged)
        #expect(fault([])?.code == .damaged && fault([0x80])?.code == .damaged && fault([0x80, 1])?.code == .damaged)
    }

    @Test("Files changed at random are refused, or give an encoder that can be asked")
    func mutations() throws {
        var random = SeededGenerator()
        let samples = try EncoderSample.all()
        var refused = 0
        for _ in 0..<6000 {
            let sample = samples[.random(in: 0..<samples.count, using: &random)]
            var bytes = sample.file
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = .random(in: 0...255, using: &random)
                case 1: bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.remove(at: place)
                default: bytes.insert(bytes[.random(in: 0..<bytes.count, using: &random)], at: place)
                }
            }
            guard let encoder = try? EncoderSample.encoder(bytes) else {
                refused += 1
                continue
            }
            for row in sample.rows { _ = try? encoder.transform(row) }
        }
        #expect(refused > 3000)
    }
}
