"""Make one of two registered versions the one in use, and read back which it is: Daybook beside MLflow, turn by turn.

Daybook activates over HTTP with `proof=true` (files read and compared, event on disk, inclusion proof under a signed tree head in
the answer) and reads the activation with `min_position`. MLflow sets a registered model's alias and reads it back. One client, one
connection kept alive to each, every answer looked at.
Arguments: URL and key file of Daybook, its two versions, URL of MLflow, how many turns of each.
"""

import http.client
import json
import statistics
import sys
import time
import urllib.parse

ours, key_file, one, other, mlflow, turns = sys.argv[1:]
with open(key_file, encoding="ascii") as file:
    key = file.read().strip()


class Server:
    """One connection that is kept; where the server closes it, `reopened` counts that."""

    def __init__(self, url, headers):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        self.headers = {"Content-Type": "application/json", **headers}
        self.reopened = -1

    def ask(self, method, path, body=None):
        if self.connection.sock is None:
            self.reopened += 1
        self.connection.request(method, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"{method} {path}: {answer.status} {text[:400]!r}")
        return json.loads(text)


daybook = Server(ours, {"Authorization": f"Bearer {key}"})
peer = Server(mlflow, {})
api = "/api/2.0/mlflow"
peer.ask("POST", f"{api}/registered-models/create", {"name": "routing"})
for version in (one, other):
    made = {"name": "routing", "source": f"s3://models/{version}", "description": version}
    peer.ask("POST", f"{api}/model-versions/create", made)


def ours_once(turn):
    version = (one, other)[turn % 2]
    begin = time.perf_counter()
    written = daybook.ask("POST", f"/api/v1/models/{version}/activate?proof=true", {"reason": f"bench {turn}"})
    middle = time.perf_counter()
    read = daybook.ask("GET", f"/api/v1/activation?min_position={written['checkpoint'] - 1}")
    end = time.perf_counter()
    assert read["item"]["version"] == version, read
    assert all(event["record"] and event["tlog_proof"] for event in written["events"]), written
    return middle - begin, end - middle


def peer_once(turn):
    version = str(turn % 2 + 1)
    begin = time.perf_counter()
    peer.ask("POST", f"{api}/registered-models/alias", {"name": "routing", "alias": "active", "version": version})
    middle = time.perf_counter()
    read = peer.ask("GET", f"{api}/registered-models/alias?name=routing&alias=active")
    end = time.perf_counter()
    assert read["model_version"]["version"] == version, read
    return middle - begin, end - middle


figures = {ours_once: [], peer_once: []}
for turn in range(-10, int(turns)):
    for once, seconds in figures.items():
        took = once(turn)
        # The first ones warm both up.
        if turn >= 0:
            seconds.append(took)


def told(name, taken):
    sums = sorted(write + read for write, read in taken)
    writes, reads = (statistics.median(side) for side in zip(*taken))
    p95 = sums[int(len(sums) * 0.95)]
    print(f"  {name}: p50 {statistics.median(sums) * 1e3:.2f} ms (write {writes * 1e3:.2f}, read {reads * 1e3:.2f}), p95 {p95 * 1e3:.2f} ms")
    return statistics.median(sums)


print(f"one version made the one in use and read back, {turns} turns, one connection each")
mine, theirs = (told(name, taken) for name, taken in zip(("ours, with proof", "MLflow on SQLite"), figures.values()))
if daybook.reopened + peer.reopened:
    print(f"  connections opened again: ours {daybook.reopened}, MLflow {peer.reopened}")
print(f"activate and read back: ratio {theirs / mine:.2f}, bar 10: {'held' if theirs / mine >= 10 else 'MISSED'}")
