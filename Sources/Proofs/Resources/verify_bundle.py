#!/usr/bin/env python3
"""Checks an audit bundle of Daybook; Python 3.9 or later, standard library alone, no network.

    python3 verify_bundle.py x.tar --key-file auditor-card.txt [--head the-head-you-kept.txt, or the card]
Use your own copy of this program and your own note of the key: whoever forges a bundle forges these too.
The way: key -> signed tree head -> root -> tiles -> records -> every other file, each of its bytes made again and compared.
Exit code 0 verified, 65 not verified (the file or position is named), 64 wrong use. """
import argparse, base64, hashlib, json, mmap, os, re, stat, struct, sys, uuid
from datetime import datetime, timedelta

# SHA-256 of what every bundle of this format carries: README, and report.html without its data.
README, REPORT = "a639ca2c7bd5d3bbc24e3f66838444aca26c71050fd8d77fe8f4e27fc1affbb1", "94d337b5b4e2d46872d6294be96ac24fa17a8adb688058f6695773279bcf93d5"
NAMES = (r"daybook-export/(README|(MANIFEST|artifacts)\.sha256|audit\.csv|(bundle|names|words)\.json|checkpoint(\.from)?|events\."
         r"ndjson|consistency\.txt|keys/(vkeys\.txt|\d+\.checkpoint)|report\.html|verify_bundle\.py|blobs/[\da-f]{64}|"
         r"events/\d+\.event|tile/(\d+|entries)/[x/\d]+(\.p/\d+)?)")
KEY_OF = {"log.created": "verifier_key", "log.key_rotated": "new_vkey", "log.rollback_accepted": "verifier_key"}
COLUMNS = ("position recorded_at plant_time actor actor_name type stream stream_version summary reason meaning auth command "
           "event_id payload leaf").split()

def check(truth, where, what):
    if not truth: raise ValueError(f"{where}: {what}")
def sha256(data): return hashlib.sha256(data).hexdigest()
def dumps(value): return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

# ---- The container: a tar of plain files only, or a folder with the same files. Both give {name: function that reads}.
def tar_header(name, size):  # the one that Daybook writes; compared whole, it leaves no room for links, modes or owners
    head = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0"
    tail = b"0".ljust(101, b"\0") + b"ustar\00000" + bytes(247)
    return head + b"%06o\0 " % (sum(head) + sum(tail) + 8 * 32) + tail
def tar_files(path):
    check(os.path.getsize(path), path, "is an empty file")
    with open(path, "rb") as file: data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    files, at, last = {}, 0, ""
    while (head := data[at:at + 512]) != bytes(512):
        digits = re.fullmatch(rb"[0-7]{11}", head[124:135])
        name, size = head[:100].rstrip(b"\0").decode("ascii", "replace"), int(digits[0], 8) if digits else -1
        check(size >= 0 and head == tar_header(name, size), f"tar, byte {at}", "is no header that Daybook writes")
        check(name > last, f"tar, byte {at}", f"{name} stands twice or out of order")
        start, end, last = at + 512, at + 512 + size, name
        at = end + -size % 512
        check(at <= len(data) and not any(data[end:at]), name, "is cut off, or its padding is not empty")
        files[name] = lambda start=start, end=end: data[start:end]
    check(data[at:] == bytes(1024), f"tar, byte {at}", "the end is not two empty blocks and nothing after them")
    return files
def folder_files(root):
    root = root if os.path.basename(os.path.abspath(root)) == "daybook-export" else f"{root}/daybook-export"
    paths = [os.path.join(base, name) for base, folders, names in os.walk(root) for name in folders + names]
    for path in paths:
        check(stat.S_IFMT(os.lstat(path).st_mode) in (stat.S_IFREG, stat.S_IFDIR), path, "is neither a plain file nor a folder")
    name = lambda path: "daybook-export/" + os.path.relpath(path, root).replace(os.sep, "/")
    return {name(path): lambda path=path: open(path, "rb").read() for path in paths if os.path.isfile(path)}

# ---- Ed25519 (RFC 8032) and signed notes (C2SP signed-note, tlog-checkpoint).
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
def add(p, q):
    a, b, c, d = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0]), 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(n, p):
    half = times(n >> 1, add(p, p)) if n else (0, 1, 1, 0)
    return add(half, p) if n & 1 else half
def point(data):
    y = int.from_bytes(data, "little")
    odd, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT_OF_MINUS_1 % P
    x = x if x & 1 == odd else -x % P
    return (x, y, 1, x * y % P) if y < P and (x * x - square) % P == 0 and x & 1 == odd else None
def is_signature(public, message, signature):
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    if len(signature) != 64 or a is None or r is None or s >= ORDER: return False
    left, right = times(s, point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))), add(r, times(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))
def strict_base64(text, where):
    check(base64.b64encode(data := base64.b64decode(text)).decode() == text, where, "base64 is not strict")
    return data
class Key:  # C2SP: name+id+base64 of its type and 32 bytes
    def __init__(self, text, where):
        check(text.count("+") >= 2, where, "holds no verifier key, or several")
        self.text, (self.name, key_id, data) = text, text.split("+", 2)
        data = strict_base64(data, where)
        self.id, self.public = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4], data[1:]
        check(len(data) == 33 and data[0] == 1 and self.id.hex() == key_id, where, "is no Ed25519 verifier key")
class Head:  # C2SP: origin, size and root, and the signatures below
    def __init__(self, data, where):
        body, _, rest = data.decode().partition("\n\n")
        self.origin, size, root = body.split("\n")[:3]
        self.size, self.body, self.where, self.root = int(size), f"{body}\n".encode(), where, strict_base64(root, where)
        check(size == str(self.size) and self.size >= 0 and len(self.root) == 32, where, "is no tree head")
        lines = [line.split(" ") for line in rest.splitlines() if line[:2] == "\u2014 "]
        self.signatures = [(name, strict_base64(text, where)) for _, name, text in lines]
    def signed_by(self, key):  # a signature that bears the key's name and id and is wrong is never passed over
        own = [data[4:] for name, data in self.signatures if name == key.name == self.origin and data[:4] == key.id]
        check(all(is_signature(key.public, self.body, data) for data in own), self.where, "the signature is wrong")
        return bool(own)

# ---- The Merkle tree (RFC 6962) out of tiles (C2SP tlog-tiles).
def node(left, right): return hashlib.sha256(b"\1" + left + right).digest()
def fold(row): return row[0] if len(row) == 1 else fold([node(*row[i:i + 2]) for i in range(0, len(row), 2)])
def tile_path(level, index, width):
    *above, last = f"{index + 10**18:,}".split(",")[1:]
    above = [f"x{part}/" for part in above[next((i for i, part in enumerate(above) if int(part)), len(above)):]]
    return f"tile/{level}/{''.join(above)}{last}" + (f".p/{width}" if width < 256 else "")

class Tree:  # the tiles of a tree; once it is built, every hash in every tile is bound to the root
    def __init__(self, head, files):
        self.tiles, self.size = {}, head.size
        for match in filter(None, (re.fullmatch(r"tile/(\d+)/([x/\d]+)(\.p/\d+)?", name) for name in files)):
            level, index, data = int(match[1]), int(re.sub("[x/]", "", match[2])), files[match[0]]()
            width = min(256, (self.size >> 8 * level) - 256 * index)
            check(match[0] == tile_path(level, index, width) and len(data) == 32 * width, match[0], "is no tile of this tree")
            self.tiles[level, index] = [data[i:i + 32] for i in range(0, len(data), 32)]
        check(self.root(self.size) == head.root, "tile", f"the right edge does not give the root over {self.size} events")
        for (level, index), hashes in self.tiles.items():
            where = tile_path(level, index, 256)
            check(len(hashes) < 256 or fold(hashes) == self.at(level + 1, index), where, "does not belong to the tree")
    def at(self, level, index):
        row, where = self.tiles.get((level, index >> 8), ()), tile_path(level, index >> 8, 256)
        check(index & 255 < len(row), where, "is missing (where --head needs it: ask for a bundle --from that head)")
        return row[index & 255]
    def hash(self, low, high):  # MTH of the leaves low..<high
        split = 1 << (high - low - 1).bit_length() - 1 if high - low > 1 else 0
        if high - low == max(1, split * 2):
            level, rest = divmod((high - low).bit_length() - 1, 8)
            return fold([self.at(level, (low >> 8 * level) + i) for i in range(1 << rest)])
        return node(self.hash(low, low + split), self.hash(low + split, high))
    def root(self, size): return self.hash(0, size) if size else hashlib.sha256().digest()
    def consistency(self, old, low, high, whole=True):  # SUBPROOF, 2.1.2
        if old == high: return [] if whole else [self.hash(low, high)]
        split = low + (1 << (high - low - 1).bit_length() - 1)
        if old <= split: return self.consistency(old, low, split, whole) + [self.hash(split, high)]
        return self.consistency(old, split, high, False) + [self.hash(low, split)]

# ---- Records, and what people read of them.
def moment(time): return (datetime(1970, 1, 1) + timedelta(microseconds=time)).isoformat(timespec="microseconds")
class Record:
    def __init__(self, data, where):
        check(116 <= len(data) <= 65535 and data[0] == 1 and data[1] < 4, where, "is no record of version 1")
        flags, header, self.position, self.time, *ids, self.schema = struct.unpack(">xBHQQ12x16s16sQ16s16sH", data[:106])
        event, stream_key, self.version, command, actor = ids
        self.redacted, parts, at = bool(flags & 1), [], 106
        for width in (1, 1, 4, 4):
            start, at = at + width, at + width + int.from_bytes(data[at:at + width], "big")
            parts.append(data[start:at].decode())
        self.type, self.stream, self.meta_text, self.text = parts
        check(header == 108 + len(self.type) + len(self.stream) and at == len(data), where, "the lengths do not agree")
        check(sha256(b"daybook/stream\n" + self.stream.encode())[:32] == stream_key.hex(), where, "stream and key differ")
        self.meta, self.payload = json.loads(self.meta_text), json.loads(self.text)
        self.event, self.command, self.actor = (str(uuid.UUID(bytes=part)) for part in (event, command, actor))
    def row(self, words, names, leaf):
        zone = [zone["offset"] for zone in words["zones"] if zone["position"] <= self.position][-1]
        local = moment(self.time + zone * 10**6) + f"{'-' if zone < 0 else '+'}{abs(zone) // 3600:02}:{abs(zone) // 60 % 60:02}"
        return [self.position, moment(self.time) + "Z", local, self.actor, names.get(self.actor, ""), self.type, self.stream,
                self.version, self.summary(words["summaries"]), *(self.meta.get(k, "") for k in ("reason", "meaning", "auth")),
                self.command, self.event, self.text, leaf]
    def summary(self, sentences):  # the sentence of the type, with the payload's fields for {field|words when absent}
        def field(match):
            name, _, absent = match[1].partition("|")
            value = self.payload.get(name, absent or "-")
            return value if isinstance(value, str) else {"true": "yes", "false": "no"}.get(dumps(value), dumps(value))
        sentence = f"[redacted at {self.position}]" if self.redacted else sentences.get(self.type, self.type)
        return re.sub(r"\{([^}]*)\}", field, sentence)
def csv_line(row):  # RFC 4180; a field that a spreadsheet would run as a formula gets an apostrophe in front
    safe = ["'" + text if text[:1] and text[0] in "=+-@\t\r'" else text for text in map(str, row)]
    return ",".join('"' + t.replace('"', '""') + '"' if re.search('[",\n\r\t]', t) else t for t in safe) + "\r\n"
def json_line(row): return "{" + ",".join(f'"{k}":{v if k == "payload" else dumps(v)}' for k, v in zip(COLUMNS, row)) + "}\n"

# ---- The bundle.
class Made:  # a file that is made again piece by piece; the first piece that differs is named
    def __init__(self, files, name, *pieces):
        self.data, self.name, self.at = files[name](), name, 0
        for piece in pieces: self.take(piece, name)
    def take(self, piece, where):
        start, self.at = self.at, self.at + len(data := piece.encode())
        check(self.data[start:self.at] == data, where, f"{self.name} differs from what is here")
    def end(self): check(self.at == len(self.data), self.name, "has more in it than the log gives")
def stored(files):  # every record by position, with the file that holds it: a single one, or an entry bundle of a whole log
    for name in sorted((n for n in files if n.startswith(("events/", "tile/entries/"))), key=lambda n: (len(n), n)):
        data, at = files[name](), 0
        while at < len(data):
            start, at = (at + 2, at + 2 + int.from_bytes(data[at:at + 2], "big")) if name[0] == "t" else (0, len(data))
            yield name, data[start:at]
def grown(tree, head):
    same = head.size <= tree.size and tree.root(head.size) == head.root
    check(same, head.where, f"HISTORY WAS REWRITTEN: this head over {head.size} events does not lead to the newest one")
def compare(held, tree, pinned, keys):  # the head that the auditor holds; only what a key of the log signed accuses anybody
    check(held.size <= tree.size, held.where, f"the head you hold ({held.size} events) is newer than this bundle's "
          f"({tree.size}) and cannot be compared; ask for a bundle up to it")
    own = held.origin in {key.name for key in keys} and any(map(held.signed_by, keys + [pinned] * bool(pinned)))
    check(own, held.where, "the head you hold is unsigned, or not by a key of this log; nothing was compared with it")
    grown(tree, held)
def signer(pinned, head, heads, keys):  # the pinned key, or the one that it handed over to under both signatures
    known = [pinned] if pinned else [key for _, key in keys]
    for position, key in keys:
        over = min((other for other in heads if other.size > position), key=lambda other: other.size)
        known += [key] if over.signed_by(key) and any(over.signed_by(old) for old in known) else []
    found = [key for key in known if head.signed_by(key)]
    check(found, "checkpoint", "is not signed by that key (after a lost key or a rollback, the plant gives you the new one)")
    return found[-1]

def verify(path, pinned, held):
    files = folder_files(path) if os.path.isdir(path) else tar_files(path)
    check(all(map(re.compile(NAMES).fullmatch, files)), path, "has files in it that do not belong into a bundle")
    files = {name[15:]: read for name, read in files.items()}
    manifest = Made(files, "MANIFEST.sha256")
    for name in sorted(set(files) - {"MANIFEST.sha256"}): manifest.take(f"{sha256(files[name]())}  {name}\n", name)
    facts, words, names = (json.loads(files.get(f"{name}.json", lambda: "{}")()) for name in ("bundle", "words", "names"))
    Made(files, "bundle.json", dumps(facts) + "\n").end()
    check(facts["format"] == 1 and sha256(files["README"]()) == README, "README", "is of a format that this program does not know")
    head, old = Head(files["checkpoint"](), "checkpoint"), Head(files["checkpoint.from"](), "checkpoint.from")
    heads = [head] + [Head(files[name](), name) for name in files if re.fullmatch(r"keys/\d+\.checkpoint", name)]
    tree, start, end, only = Tree(head, files), facts["from"], facts["to"], facts["only"]
    check(re.fullmatch(r'\[("[a-z0-9._]+",?)*\]', dumps(only)) and type(start) is type(end) is int, "bundle.json", "names no range")
    for other in heads + [old]: grown(tree, other)
    csv, ndjson = Made(files, "audit.csv", "\ufeff", csv_line(COLUMNS)), Made(files, "events.ndjson")
    artifacts, keys, needed, replaced, redactions, count, last = Made(files, "artifacts.sha256"), [], set(), {}, {}, 0, -1
    for name, data in stored(files):
        record = Record(data, name)
        where, payload, last_one, last = f"position {record.position} ({name})", record.payload, last, record.position
        entries = tile_path("entries", last >> 8, min(256, head.size - (last >> 8 << 8)))
        check(last_one < last < head.size and name in (entries, f"events/{last}.event"), where, "stands in a wrong place")
        leaf = tree.at(0, last).hex()
        check(record.redacted or sha256(b"\0" + data) == leaf, where, "is not the record that the log holds")
        replaced.update({last: sha256(data)} if record.redacted else {})
        if record.type == "record.redacted":
            check(type(at := payload["redacted_position"]) is int and 0 < at < last, where, "redacts no record that stands before it")
            redactions[at] = payload["replacement_sha256"]
        keys += [(last, Key(payload[KEY_OF[record.type]], where))] if record.type in KEY_OF else []
        if not start <= last < end or only and record.stream.partition("-")[0] not in only:
            check(record.type in KEY_OF or record.type == "record.redacted", where, "was not asked for")
            continue
        count, row = count + 1, record.row(words, names, leaf)
        csv.take(csv_line(row), where), ndjson.take(json_line(row), where)
        needed |= {payload[k] for k in payload if k.endswith("_sha256") and k[:-7] + "_bytes" in payload}
        if record.type == "model.registered":
            needed.add(digest := payload["manifest_sha256"])
            path, listed = payload["manifest_path"], json.loads(files.get(f"blobs/{digest}", lambda: '{"files":[]}')())["files"]
            listed = "".join(f"{file['sha256']}  {os.path.dirname(path)}/{file['name']}\n" for file in listed)
            artifacts.take(f"{digest}  {path}\n{listed}", where)
    manifest.end(), csv.end(), ndjson.end(), artifacts.end()
    for position, digest in replaced.items():
        check(redactions.get(position) == digest, f"position {position}", "is replaced, and no record.redacted tells so")
    check(count == facts["records"] and (only or count == end - start), "bundle.json", "records of the range are missing")
    Made(files, "keys/vkeys.txt", *(key.text + "\n" for _, key in keys)).end()
    if held: compare(held, tree, pinned, [key for _, key in keys])
    key, proof = signer(pinned, head, heads, keys), tree.consistency(old.size, 0, head.size) if old.size else []
    check(old.size == 0 or any(old.signed_by(key) for _, key in keys), "checkpoint.from", "is not signed by this log")
    Made(files, "consistency.txt", f"old {old.size}\n", *(base64.b64encode(h).decode() + "\n" for h in proof)).end()
    blobs = {name[6:] for name in files if name.startswith("blobs/")}
    agree = all(sha256(files[f"blobs/{name}"]()) == name for name in blobs) and blobs <= needed
    check(agree and facts["absent"] == sorted(needed - blobs), "blobs/", "are not the documents that the records name")
    above, mark, rest = files["report.html"]().partition(b'<script type="text/plain" id="bundle">\n')
    data, closing, below = rest.partition(b"</script>")
    inside = (name for name in sorted(files) if re.match("(bundle|names|words).json|checkpoint|events/|keys/|tile/", name))
    check(sha256(above + mark + closing + below) == REPORT, "report.html", "is not the page that this program knows")
    check(data.decode() == "".join(f"{name} {base64.b64encode(files[name]()).decode()}\n" for name in inside), "report.html",
          "shows other data than this bundle")
    other = sha256(files["verify_bundle.py"]()) != sha256(open(__file__, "rb").read())
    return [f"log         {head.origin}", f"tree head   {head.size} events, root {head.root.hex()}", f"signed by   {key.text}",
            f"grown from  {old.size} events" + ", and from the head you hold" * bool(held),
            f"records     {count}, from position {start} to before {end}, " + (f"only {', '.join(only)}" if only else "none left out"),
            *["FILTERED    each record is proven; that none of its kind was left out is NOT"] * bool(only),
            *(f"redacted    position {position}: its text was removed, and record.redacted says so" for position in replaced),
            *(f"absent      document {name}: the plant does not have it any more" for name in facts["absent"]),
            *["rotated     the key you pinned handed over to the one above: pin that from now on"] * (key.text != (pinned or key).text),
            *["note        the verify_bundle.py inside is not this program: do not run that one"] * other,
            "not proven  the plant's words (names, summaries) and clock; and, as by no log: an action that never was recorded"]
def text_of(path):
    check(os.path.isfile(path), path, "is no plain file")
    with open(path, encoding="utf-8-sig", errors="replace") as file: return file.read(1 << 20)
def head_of(text, where):  # a head as a file or the card holds it, whatever its line ends and indents became
    bodies = re.findall(r"^( *)(\S+)\n\1(\d+)\n\1([A-Za-z0-9+/]{43}=) *$", text, re.M)
    check(len(bodies) == 1, where, "holds no tree head (three lines and, below them, its signatures), or several")
    return Head("\n".join([*bodies[0][1:], "", *re.findall("^ *(\u2014 \\S+ \\S+) *$", text, re.M), ""]).encode(), where)
def plain(line): return re.sub(r"[^\x20-\x7e]", "?", line)  # nothing in a bundle may steer the terminal it is told on
def main():
    parser = argparse.ArgumentParser(description="Checks an audit bundle of Daybook.")
    parser.error = lambda words: sys.exit(print(f"wrong use: {words}", file=sys.stderr) or 64)
    parser.add_argument("bundle", help="the tar, or the folder it was unpacked into")
    parser.add_argument("--key", help="the log's verifier key as you noted it")
    parser.add_argument("--key-file", help="a text with that key in it, such as the auditor card")
    parser.add_argument("--head", help="a file with the tree head that you hold")
    asked, pinned, held = parser.parse_args(), None, None
    try:
        if asked.key or asked.key_file:
            found = set(re.findall(r"\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}", asked.key or text_of(asked.key_file)))
            pinned = Key(found.pop() if len(found) == 1 else "", "--key")
        held = head_of(text_of(asked.head), asked.head) if asked.head else None
        check(os.path.isfile(asked.bundle) or os.path.isdir(asked.bundle), asked.bundle, "is neither a file nor a folder")
    except (OSError, ValueError) as error: parser.error(str(error))
    print("key pinned by you" if pinned else "KEY TAKEN FROM THE BUNDLE: proves only that it agrees with itself", flush=True)
    try: print("\n".join(map(plain, verify(asked.bundle, pinned, held))) + "\nVERIFIED")
    except Exception as error:  # whatever a forged file provokes is a reason to refuse it
        sys.exit(print(plain(f"NOT VERIFIED: {error if type(error) is ValueError else f'no bundle of this format ({error!r})'}")) or 65)

main()
