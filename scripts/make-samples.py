#!/usr/bin/env python3
"""Makes the two sample model folders under samples/models: same script, same bytes, on every machine.

Only the standard library is used. The parts are made up; the index files have the format of hnswlib 0.8 and load there.
Run it from anywhere: scripts/make-samples.py [TARGET]. An existing file is overwritten.
"""

import hashlib
import json
import math
import pathlib
import random
import struct
import sys

GROUPS = ["bolt", "bracket", "bushing", "flange"]
MATERIALS = ["S45C", "SUS304", "AL6061"]
NUMBERS = ["width_mm", "length_mm", "weight_kg"]
DIMENSION = len(GROUPS) + len(MATERIALS) + len(NUMBERS)

VERSIONS = [
    # version, parts, M, ef_construction, seed, change scope
    ("2026.01.12_1", 80, 8, 64, 11, ["data"]),
    ("2026.02.02_1", 120, 12, 100, 12, ["data", "embedding_params"]),
]


def make_parts(count, seed):
    """Made-up parts; the first ones are the same whatever the count is."""
    rng = random.Random(seed)
    parts = []
    for number in range(count):
        width = rng.randrange(80, 1600) / 10
        length = rng.randrange(200, 6000) / 10
        parts.append({
            "item": f"DBK-{number + 1:04d}",
            "group": rng.choice(GROUPS),
            "material": rng.choice(MATERIALS),
            "width_mm": width,
            "length_mm": length,
            "weight_kg": round(width * width * length * 7.8e-6, 3),
        })
    return parts


def make_encoder(parts):
    """One-hot for words, z-score for numbers; rounded, so that the file says exactly what was computed with."""
    numbers = {}
    for name in NUMBERS:
        values = [part[name] for part in parts]
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
        numbers[name] = {"mean": round(mean, 6), "standard_deviation": round(deviation, 6)}
    return {"format": "daybook-encoder-1", "dimension": DIMENSION,
            "one_hot": {"group": GROUPS, "material": MATERIALS}, "z_score": numbers}


def encode(part, encoder):
    vector = [1.0 if part["group"] == group else 0.0 for group in GROUPS]
    vector += [1.0 if part["material"] == material else 0.0 for material in MATERIALS]
    for name in NUMBERS:
        rule = encoder["z_score"][name]
        vector.append((part[name] - rule["mean"]) / rule["standard_deviation"])
    return list(struct.unpack(f"<{DIMENSION}f", struct.pack(f"<{DIMENSION}f", *vector)))


def distance(left, right):
    return sum((a - b) ** 2 for a, b in zip(left, right))


def diverse(centre, candidates, vectors, limit):
    """hnswlib's rule: keep a neighbour that is nearer to the centre than to every neighbour kept before it."""
    kept = []
    for candidate in sorted(candidates, key=lambda other: (distance(vectors[centre], vectors[other]), other)):
        if len(kept) == limit:
            break
        gap = distance(vectors[centre], vectors[candidate])
        if all(distance(vectors[candidate], vectors[other]) >= gap for other in kept):
            kept.append(candidate)
    return kept


def build_links(vectors, m, ef_construction, seed):
    """Inserts one element after the other; the candidates are found exactly, which a set this small allows."""
    rng = random.Random(seed)
    levels, links, entry = [], [], -1
    for element in range(len(vectors)):
        level = int(-math.log(1.0 - rng.random()) / math.log(m))
        levels.append(level)
        links.append([[] for _ in range(level + 1)])
        for floor in range(level + 1):
            present = [other for other in range(element) if levels[other] >= floor]
            present.sort(key=lambda other: (distance(vectors[element], vectors[other]), other))
            limit = 2 * m if floor == 0 else m
            links[element][floor] = diverse(element, present[:ef_construction], vectors, m)
            for other in links[element][floor]:
                back = links[other][floor] + [element]
                links[other][floor] = back if len(back) <= limit else diverse(other, back, vectors, limit)
        if entry < 0 or level > levels[entry]:
            entry = element
    return levels, links, entry


def index_bytes(vectors, m, ef_construction, seed):
    levels, links, entry = build_links(vectors, m, ef_construction, seed)
    link_size, data_size = 8 * m + 4, 4 * DIMENSION
    out = struct.pack(
        "<6QiI3QdQ",
        0, len(vectors), len(vectors), link_size + data_size + 8, link_size + data_size, link_size,
        max(levels), entry, m, 2 * m, m, 1 / math.log(m), max(ef_construction, m),
    )
    def packed(neighbours, width):
        return struct.pack(f"<I{width}I", len(neighbours), *neighbours, *[0] * (width - len(neighbours)))
    for element, vector in enumerate(vectors):
        out += packed(links[element][0], 2 * m) + struct.pack(f"<{DIMENSION}fQ", *vector, element)
    for element, level in enumerate(levels):
        upper = b"".join(packed(links[element][floor], m) for floor in range(1, level + 1))
        out += struct.pack("<I", len(upper)) + upper
    return out


def json_bytes(value):
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "samples/models"
    for version, count, m, ef_construction, seed, scope in VERSIONS:
        parts = make_parts(count, seed=7)
        encoder = make_encoder(parts)
        vectors = [encode(part, encoder) for part in parts]
        table = "\n".join(",".join(str(value) for value in part.values()) for part in parts) + "\n"
        files = {
            "encoder.json": json_bytes(encoder),
            "feature_weights.json": json_bytes({"feature_weights": {
                name: 1.0 for name in ["group", "material", *NUMBERS]}}),
            "hnsw_index.bin": index_bytes(vectors, m, ef_construction, seed),
            "item_ids.json": json_bytes([part["item"] for part in parts]),
            "training_metadata.json": json_bytes({
                "producer": "daybook", "made_by": "scripts/make-samples.py", "version": version,
                "rows": count, "dimension": DIMENSION, "change_scope": scope,
                "hnsw": {"space": "l2", "M": m, "ef_construction": ef_construction, "random_seed": seed},
                "dataset_digest": hashlib.sha256(table.encode()).hexdigest(),
                "python": "3.11", "scikit_learn": "not used", "joblib": "not used", "hnswlib": "0.8.0",
                "swift": "6.3.1", "platform": "any",
            }),
        }
        folder = target / version
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        print(f"{folder}: {sum(map(len, files.values()))} bytes in {len(files)} files")


main()
