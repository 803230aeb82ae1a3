"""Durable appends by Python's `eventsourcing` on SQLite: FILE CALLERS SECONDS; prints events a second.

Each caller is a thread with aggregates of its own; each append is one transaction, durable by SQLite's own default
(synchronous=FULL).
"""
import os
import sys
import threading
import time
import uuid

from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

path, callers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for suffix in ("", "-wal", "-shm"):
    if os.path.exists(path + suffix):
        os.remove(path + suffix)
store = SQLiteDatastore(path, pool_size=callers, max_overflow=callers, lock_timeout=60)
recorder = SQLiteApplicationRecorder(store)
recorder.create_table()
payload = b'{"text":"' + b"x" * 289 + b'"}'
counts = [0] * callers
end = time.monotonic() + seconds


def append(number: int) -> None:
    stream, version = uuid.uuid4(), 0
    while time.monotonic() < end:
        version += 1
        recorder.insert_events([StoredEvent(stream, version, "bench.measured", payload)])
        counts[number] += 1


threads = [threading.Thread(target=append, args=(number,)) for number in range(callers)]
start = time.monotonic()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(round(sum(counts) / (time.monotonic() - start)))
