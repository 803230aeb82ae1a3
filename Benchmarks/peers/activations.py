"""Activate two versions in turn by the command, and time each until a worker serves it.

The time runs from the command's end. A worker that is asked by a connection that is kept costs next to nothing; a new curl every
time would take a processor from those whose answers are timed meanwhile.
Arguments: the program, the worker's socket, its process, how many activations, seconds from one's end to the next, the two versions.
Writes a line of milliseconds for each; the last line is `MOST` and the worker's largest resident set, in KiB.
"""

import http.client
import json
import socket
import subprocess
import sys
import time

program, path, worker, count, rest, one, other = sys.argv[1:]
PAUSE = 0.005


class Local(http.client.HTTPConnection):
    """HTTP over a local socket."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)


connection = Local("localhost")


def serving():
    """The version that the worker answers with."""
    connection.request("GET", "/v1/model")
    return json.load(connection.getresponse())["version"]


def resident():
    """The worker's resident set now."""
    with open(f"/proc/{worker}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4


versions = [other, one] if serving() == one else [one, other]
most = 0
for turn in range(int(count)):
    version = versions[turn % 2]
    subprocess.run([program, "model", "activate", version, "--reason", "bench"], check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    while serving() != version:
        most = max(most, resident())
        time.sleep(PAUSE)
    print(int((time.monotonic() - began) * 1000))
    most = max(most, resident())
    time.sleep(float(rest))
print("MOST", most)
