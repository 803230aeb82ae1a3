"""RFC 6962, section 2.1, word for word: an implementation that shares nothing with the one under test.

Reads leaf hashes in hexadecimal, one a line. For each size from 1 it prints one line: the size, the root, a digest over
the audit paths of all leaves, and a digest over the consistency proofs from all smaller sizes. Standard library only.
"""
import functools
import hashlib
import sys

leaves = [bytes.fromhex(line) for line in sys.stdin.read().split()]


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(n):
    """k: the largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@functools.lru_cache(maxsize=None)
def mth(start, end):
    n = end - start
    if n == 0:
        return hashlib.sha256(b"").digest()
    if n == 1:
        return leaves[start]
    k = split(n)
    return node(mth(start, start + k), mth(start + k, end))


def path(m, start, end):
    n = end - start
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return path(m, start, start + k) + [mth(start + k, end)]
    return path(m - k, start + k, end) + [mth(start, start + k)]


def subproof(m, start, end, whole):
    n = end - start
    if m == n:
        return [] if whole else [mth(start, end)]
    k = split(n)
    if m <= k:
        return subproof(m, start, start + k, whole) + [mth(start + k, end)]
    return subproof(m - k, start + k, end, False) + [mth(start, start + k)]


def digest(proofs):
    """Over the number of hashes of each proof and the hashes, so that no two lists of proofs give the same."""
    whole = hashlib.sha256()
    for proof in proofs:
        whole.update(bytes([len(proof)]) + b"".join(proof))
    return whole.hexdigest()


for size in range(1, len(leaves) + 1):
    inclusion = digest(path(m, 0, size) for m in range(size))
    consistency = digest(subproof(m, 0, size, True) for m in range(1, size + 1))
    print(size, mth(0, size).hex(), inclusion, consistency)
