"""Answers queries with an index that Daybook built, and builds and asks one of its own on the same vectors.

Usage: roundtrip.py FOLDER SPACE DIMENSION M EF_CONSTRUCTION K EF, with NumPy and hnswlib 0.8 (pip install hnswlib==0.8.0).
Reads vectors.f32, queries.f32 and ours.bin; writes ours.labels, ours.distances, python.bin, python.labels, python.distances.
"""
import sys

import hnswlib
import numpy as np

folder, space = sys.argv[1:3]
dimension, m, ef_construction, k, ef = map(int, sys.argv[3:])
vectors = np.fromfile(f"{folder}/vectors.f32", dtype=np.float32).reshape(-1, dimension)
queries = np.fromfile(f"{folder}/queries.f32", dtype=np.float32).reshape(-1, dimension)


def answer(index, name):
    index.set_ef(ef)
    index.set_num_threads(1)
    labels, distances = index.knn_query(queries, k=k)
    labels.astype(np.uint64).tofile(f"{folder}/{name}.labels")
    distances.astype(np.float32).tofile(f"{folder}/{name}.distances")


ours = hnswlib.Index(space=space, dim=dimension)
ours.load_index(f"{folder}/ours.bin")
answer(ours, "ours")
python = hnswlib.Index(space=space, dim=dimension)
python.init_index(max_elements=len(vectors) + 7, M=m, ef_construction=ef_construction, random_seed=42)
python.set_num_threads(1)
python.add_items(vectors, np.arange(len(vectors)))
python.mark_deleted(3)
python.save_index(f"{folder}/python.bin")
answer(python, "python")
