#!/usr/bin/env python3
"""Writes into the report page the digests of its own script and style, and into verify_bundle.py those of the pages.

To be run after a change of Sources/Exporting/Resources; a test fails until it was. With --check it changes nothing and
ends with 1 if something is out of date.
"""
import base64, hashlib, pathlib, re, sys

root = pathlib.Path(__file__).resolve().parent.parent
page_path, readme = root / "Sources/Exporting/Resources/report.html", root / "Sources/Exporting/Resources/README.txt"
verifier_path = root / "Sources/Proofs/Resources/verify_bundle.py"


def source(page, tag):
    body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S)
    return "'sha256-" + base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode() + "'" if body else "'none'"


page = page_path.read_text()
policy = f"default-src 'none'; script-src {source(page, 'script')}; style-src {source(page, 'style')}; base-uri 'none'; form-action 'none'"
sealed = re.sub(r'(<meta http-equiv="Content-Security-Policy" content=")[^"]*', lambda match: match[1] + policy, page)
readme_digest, page_digest = (hashlib.sha256(data).hexdigest() for data in (readme.read_bytes(), sealed.encode()))
verifier = re.sub(r'README, REPORT = "[^"]*", "[^"]*"', f'README, REPORT = "{readme_digest}", "{page_digest}"', verifier_path.read_text())
changed = [path for path, text in ((page_path, sealed), (verifier_path, verifier)) if path.read_text() != text]
if "--check" in sys.argv:
    sys.exit(f"out of date: {', '.join(path.name for path in changed)}; run scripts/seal-bundle.py" if changed else 0)
for path, text in ((page_path, sealed), (verifier_path, verifier)):
    path.write_text(text)
