"""A client of Daybook's HTTP service, in one file, with the standard library of Python 3.9 or newer alone.

    from daybook_client import Daybook
    book = Daybook("https://plant.example:7443", token_file="key.txt", ca="authority.pem")
    book.register("models/2026.01.12_1", reason="trained on March's parts")
    for event in book.follow(type="model.activated"):
        print(event["payload"]["version"])

Every refusal of the service is raised as `Problem`: `code`, `rule`, `detail`, `hint` and the whole document.
A request that got no answer is sent again only where that is safe: reads, uploads of the same bytes, and writes, each of which
carries an idempotency key of its own.
"""

import base64
import hashlib
import http.client
import json
import os
import ssl
import sys
import time
import urllib.parse
import uuid

__all__ = ["Daybook", "Problem"]

PART = 8 << 20


class Problem(Exception):
    """A refusal of the service (application/problem+json)."""

    def __init__(self, status, document):
        self.status = status
        self.document = document
        self.code = document.get("type", "").removeprefix("urn:daybook:")
        self.rule = document.get("rule")
        self.detail = document.get("detail", "")
        self.hint = document.get("hint", "")
        super().__init__("%d %s: %s (%s)" % (status, self.rule or self.code, self.detail, self.hint))


class Daybook:
    """One server, one token."""

    def __init__(self, url, token=None, token_file=None, ca=None, timeout=60):
        parts = urllib.parse.urlsplit(url)
        self._local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("not a server's address: %s" % url)
        if parts.scheme == "http" and not self._local:
            raise ValueError("a token goes over https only, or to this machine itself")
        if token is None and token_file is not None:
            if os.stat(token_file).st_mode & 0o077:
                raise ValueError("%s can be read by others: chmod 600" % token_file)
            with open(token_file, encoding="ascii") as file:
                token = file.read().strip()
        self._host, self._port, self._token, self._timeout = parts.hostname, parts.port, token, timeout
        self._tls = None
        if parts.scheme == "https":
            # With `ca` that authority alone counts; host name and validity are checked in any case.
            self._tls = ssl.create_default_context(cafile=ca)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    # Requests

    def request(self, method, path, body=None, headers=None, query=None, attempts=3):
        """One request; returns (document or bytes, header fields). Raises Problem, or OSError when nobody answers."""
        given = dict(headers or {})
        if self._token:
            given["Authorization"] = "Bearer " + self._token
        if body is not None and not isinstance(body, bytes) and not hasattr(body, "read"):
            body = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        for attempt in range(attempts):
            try:
                status, fields, data = self._once(method, target, body, given)
            except (OSError, http.client.HTTPException) as error:
                # A certificate that is not the one of this server stays so.
                if isinstance(error, ssl.SSLError) or attempt + 1 == attempts:
                    raise
                time.sleep(0.2 * 2**attempt)
                continue
            if status == 503 and attempt + 1 < attempts:
                time.sleep(min(float(fields.get("retry-after", 1)), 10))
                continue
            break
        document = data
        if "json" in fields.get("content-type", "") and data:
            document = json.loads(data)
        if status >= 400:
            raise Problem(status, document if isinstance(document, dict) else {})
        return document, fields

    def _once(self, method, target, body, headers):
        link = self._link()
        try:
            link.request(method, target, body=body, headers=headers)
            answer = link.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            link.close()

    def _link(self):
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def get(self, path, **query):
        """A document."""
        return self.request("GET", path, query=query or None)[0]

    def write(self, method, path, body, headers=None, key=None, query=None, type=None):
        """A change, done once however often it has to be sent; `key` makes it so across runs of a program too."""
        given = {"Idempotency-Key": key or str(uuid.uuid4()), **(headers or {})}
        if type:
            given["Content-Type"] = type
            body = json.dumps(body).encode()
        return self.request(method, path, body, given, query=query)[0]

    def command(self, name, fields, reason=None, key=None, **further):
        """A command of the catalogue by its name: see /docs."""
        body = {"fields": fields, **further}
        if reason is not None:
            body["reason"] = reason
        return self.write("POST", "/api/v1/commands/" + name, body, key=key)

    # Configurations

    def config(self, name="runtime", at=None):
        """The settings in force, with their ETag."""
        document, fields = self.request("GET", "/api/v1/config/" + name, query={"at": at} if at else None)
        return document, fields.get("etag")

    def patch_config(self, patch, reason, name="runtime", etag=None, key=None):
        """Changes settings by a JSON Merge Patch; without `etag` whatever they are now."""
        return self.write(
            "PATCH",
            "/api/v1/config/" + name,
            patch,
            {"If-Match": etag or "*"},
            key=key,
            query={"reason": reason},
            type="application/merge-patch+json",
        )

    # Models

    def register(self, folder, reason, version=None, notes=None, key=None):
        """Uploads a model folder file by file and registers it as an inactive version; returns what was recorded.

        Only files that lie in the folder itself are sent, and none that is a link. Sent again after a break it goes on: a file is
        identified by its digest.
        """
        version = version or os.path.basename(os.path.normpath(folder))
        names = sorted(os.listdir(folder))
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                raise ValueError("%s is no plain file" % path)
        for name in names:
            self.upload(version, name, os.path.join(folder, name))
        body = {"reason": reason}
        if notes is not None:
            body["notes"] = notes
        return self.write("POST", "/api/v1/models/%s/register" % urllib.parse.quote(version, safe=""), body, key=key)

    def upload(self, version, name, path):
        """Stages one file of a version."""
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            for part in iter(lambda: file.read(PART), b""):
                digest.update(part)
        target = "/api/v1/models/%s/files/%s" % (
            urllib.parse.quote(version, safe=""),
            urllib.parse.quote(name, safe=""),
        )
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "Content-Digest": "sha-256=:%s:" % base64.b64encode(digest.digest()).decode(),
        }
        for attempt in range(3):
            try:
                with open(path, "rb") as file:
                    return self.request("PUT", target, file, headers, attempts=1)[0]
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, ssl.SSLError) or attempt == 2:
                    raise
                time.sleep(0.2 * 2**attempt)

    # Events

    def events(self, start=0, type=None, stream=None):
        """Every event from a position on, as the log has them now."""
        for event in self._events(start, type, stream, wait=0):
            if event is None:
                return
            yield event

    def follow(self, start=None, type=None, stream=None, category=None, last_of_command=False):
        """Every event from a position on (from the next one, unless said), and each later one as it happens; does not end.

        After a break it goes on where it was; a position is never given twice and none is left out. A service without the stream is
        asked page by page.
        """
        if start is None:
            start = self.get("/api/v1/tree-head")["size"]
        query = {"type": type, "stream": stream, "category": category}
        query = {name: value for name, value in query.items() if value}
        if last_of_command:
            query["last_of_command"] = "true"
        place = {"next": start}
        while True:
            wait = 1
            try:
                yield from self._stream(place, query)
            except _NoStream:
                for event in self._events(place["next"], type, stream, wait=20):
                    if event is not None:
                        yield event
            except Problem as problem:
                if problem.status not in (429, 503):
                    raise
                wait = 5
            except (OSError, http.client.HTTPException) as error:
                # A certificate that is not the one of this server stays so.
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise
            time.sleep(wait)

    def _stream(self, place, query):
        """The events of one connection; `place` is kept up, also by heartbeats, which name the position scanned so far."""
        link = self._link()
        try:
            headers = {"Accept": "text/event-stream"}
            if self._token:
                headers["Authorization"] = "Bearer " + self._token
            target = "/api/v1/events?" + urllib.parse.urlencode({**query, "from": place["next"]})
            link.request("GET", target, headers=headers)
            answer = link.getresponse()
            kind = answer.getheader("Content-Type", "")
            if answer.status != 200:
                data = answer.read()
                raise Problem(answer.status, json.loads(data) if "json" in kind else {})
            if not kind.startswith("text/event-stream"):
                raise _NoStream()
            position, data = None, []
            for line in answer:
                line = line.rstrip(b"\r\n")
                name, _, value = line.partition(b":")
                value = value[1:] if value.startswith(b" ") else value
                if name == b"id":
                    position = int(value)
                elif name == b"data":
                    data.append(value)
                elif not line:
                    # The place moves before the event is given: whoever stops in between has got it.
                    if position is not None:
                        place["next"] = max(place["next"], position + 1)
                    if data:
                        yield json.loads(b"\n".join(data))
                    position, data = None, []
        finally:
            link.close()

    def _events(self, start, type, stream, wait):
        while True:
            query = {"from": start, "limit": 500}
            query.update({name: value for name, value in (("type", type), ("stream", stream)) if value})
            if wait:
                query["wait"] = wait
            try:
                page = self.get("/api/v1/events", **query)
            except (OSError, http.client.HTTPException) as error:
                if not wait or isinstance(error, ssl.SSLError):
                    raise
                time.sleep(1)
                continue
            yield from page["items"]
            start = max(start, page["next"])
            if start >= page["head"]:
                yield None


class _NoStream(Exception):
    """The service answers with pages only."""


def main(words):
    """A small command line: python3 daybook_client.py URL TOKEN-FILE [--ca FILE] register FOLDER REASON | follow TYPE | config."""
    ca = None
    if "--ca" in words:
        place = words.index("--ca")
        ca = words[place + 1]
        del words[place : place + 2]
    if len(words) < 3:
        print(main.__doc__, file=sys.stderr)
        return 64
    book = Daybook(words[0], token_file=words[1], ca=ca)
    verb, rest = words[2], words[3:]
    if verb == "register" and len(rest) == 2:
        print(json.dumps(book.register(rest[0], reason=rest[1]), indent=2))
    elif verb == "follow":
        for event in book.follow(type=rest[0] if rest else None):
            print(json.dumps(event), flush=True)
    elif verb == "config":
        print(json.dumps(book.config(rest[0] if rest else "runtime")[0], indent=2))
    else:
        print(main.__doc__, file=sys.stderr)
        return 64
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Problem, OSError, ValueError) as error:
        print("daybook_client: %s" % error, file=sys.stderr)
        sys.exit(75 if isinstance(error, OSError) else 65)
    except KeyboardInterrupt:
        sys.exit(130)
