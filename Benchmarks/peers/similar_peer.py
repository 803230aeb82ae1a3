"""The stack of the plant's plan: FastAPI, Uvicorn and hnswlib, the same route over the same index file.

Usage: similar_peer.py INDEX IDS DIMENSION EF PORT
"""
import json
import sys

import hnswlib
import numpy
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

path, ids, dimension, ef, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
items = json.load(open(ids))
index = hnswlib.Index(space="l2", dim=dimension)
index.load_index(path, max_elements=len(items))
index.set_ef(ef)
index.set_num_threads(1)
app = FastAPI()


class Part(BaseModel):
    vector: list[float]


class Asked(BaseModel):
    parts: list[Part]
    neighbours: int = 20


@app.post("/v1/similar")
async def similar(asked: Asked):
    vectors = numpy.array([part.vector for part in asked.parts], dtype=numpy.float32)
    labels, distances = index.knn_query(vectors, k=asked.neighbours)
    return {
        "version": "peer",
        "results": [
            {"similar": [{"item": items[label], "distance": float(distance)} for label, distance in zip(*row)]}
            for row in zip(labels.tolist(), distances.tolist())
        ],
    }


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
