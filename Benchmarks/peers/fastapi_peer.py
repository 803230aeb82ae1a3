"""The same two routes as FastAPI and Uvicorn have them over SQLite: a list of 100 versions, and a durable PATCH of settings.

Each PATCH validates by a Pydantic model, appends a row of history with its before and after, and commits with full
synchronisation; the list is one indexed query. One process, as Daybook's server is one.
"""

import json
import sqlite3
import sys
import threading

import uvicorn
from fastapi import Body, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ef_search: int = Field(128, ge=16, le=512)
    top_k: int = Field(20, ge=1, le=50)
    group_expansions: int = Field(5, ge=0, le=10)


def connect(path):
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


path, port = sys.argv[1], int(sys.argv[2])
writer, writing = connect(path), threading.Lock()
writer.executescript(
    """
    CREATE TABLE IF NOT EXISTS model_registry (version TEXT PRIMARY KEY, active_flag INTEGER NOT NULL, created_at TEXT NOT NULL,
        notes TEXT NOT NULL, manifest_path TEXT NOT NULL, change_scopes TEXT NOT NULL, files INTEGER NOT NULL, size_bytes INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS config (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS history (position INTEGER PRIMARY KEY, before TEXT NOT NULL, after TEXT NOT NULL, reason TEXT NOT NULL);
    """
)
writer.executemany(
    "INSERT OR IGNORE INTO model_registry VALUES (?, 0, '2026-03-01T00:00:00.000000Z', ?, ?, 'data, feature_weights', 9, 41000000)",
    [
        (f"2026.03.01_{n}", "trained on the orders of the week, with the weights of the run before", f"models/2026.03.01_{n}/manifest.json")
        for n in range(1, 101)
    ],
)
writer.execute("INSERT OR IGNORE INTO config VALUES (1, 1, ?)", (Settings().model_dump_json(),))
local = threading.local()


def reader():
    if not hasattr(local, "connection"):
        local.connection = connect(path)
    return local.connection


app = FastAPI()
columns = ["version", "active_flag", "created_at", "notes", "manifest_path", "change_scopes", "files", "size_bytes"]


@app.get("/api/v1/models")
def models(limit: int = 100):
    rows = reader().execute(f"SELECT {', '.join(columns)} FROM model_registry ORDER BY version DESC LIMIT ?", (limit,))
    return {"items": [dict(zip(columns, row)) for row in rows]}


@app.patch("/api/v1/config/runtime")
def patch(body: dict = Body(...), reason: str = "", if_match: str = Header(...)):
    with writing:
        version, text = writer.execute("SELECT version, body FROM config WHERE id = 1").fetchone()
        if if_match not in ("*", f'"config-runtime@{version}"'):
            raise HTTPException(412)
        new = Settings(**{**json.loads(text), **body})
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE config SET version = version + 1, body = ? WHERE id = 1", (new.model_dump_json(),))
        cursor = writer.execute("INSERT INTO history (before, after, reason) VALUES (?, ?, ?)", (text, new.model_dump_json(), reason))
        writer.execute("COMMIT")
    return {"position": cursor.lastrowid, "version": version + 1}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
