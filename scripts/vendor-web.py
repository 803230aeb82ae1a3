#!/usr/bin/env python3
"""Puts the browser libraries that the program serves beside its own pages.

Usage: scripts/vendor-web.py [--check]

Reads scripts/vendor-web.json: packages with version and SHA-256, and which of their files go where. Does nothing, and asks no
server, when every file is there with its digest; --check only says whether that is so. A package with another digest than the
list's is refused before it is opened.
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIST = json.loads((ROOT / "scripts/vendor-web.json").read_text())


def digest(data):
    return hashlib.sha256(data).hexdigest()


def missing():
    """Files of the list that are not there, or not as they should be."""
    return [
        entry["to"]
        for entry in LIST["files"]
        if not (ROOT / entry["to"]).is_file() or digest((ROOT / entry["to"]).read_bytes()) != entry["sha256"]
    ]


def fetch(folder):
    lines = [f"{name} --hash=sha256:{sha}\n" for name, sha in LIST["packages"].items()]
    requirements = pathlib.Path(folder) / "requirements.txt"
    requirements.write_text("".join(lines))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirements), "--dest", folder]
    if subprocess.run(command).returncode != 0:
        sys.exit("vendor-web: the packages could not be fetched (connect this machine, or set PIP_INDEX_URL to a mirror)")


def put(folder):
    for entry in LIST["files"]:
        wheel = next(pathlib.Path(folder).glob(entry["package"] + "-*.whl"))
        data = zipfile.ZipFile(wheel).read(entry["from"])
        if digest(data) != entry["sha256"]:
            sys.exit(f"vendor-web: {entry['from']} has another digest than the list says (do not use this package)")
        target = ROOT / entry["to"]
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(data)
        os.replace(part, target)


def main():
    wanted = missing()
    if "--check" in sys.argv[1:]:
        print("\n".join(wanted))
        sys.exit(1 if wanted else 0)
    if not wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        fetch(folder)
        put(folder)
    print(f"vendor-web: {len(LIST['files'])} files are in place")


main()
