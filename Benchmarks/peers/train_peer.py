"""What `daybook train` does, as a straight script does it: Polars, scikit-learn, hnswlib, RapidFuzz.

    train_peer.py SOURCE.db FOLDER [--learn-weights]

The same tables and columns of the same SQLite file; the same cleaning; the same features, regressions (inputs, penalties, folds, at most 20,000
times an operation), confidence and index (M 16, ef_construction 200, one seed, one thread, so that it comes out the same again). It holds
parts out once, at random, where `daybook train` does so in four ways, and learns no weights of features unless it is told to. It keeps no log,
signs nothing, checks nothing, and puts nothing durably on disk. Prints seconds of each step and how good it is.
"""

import json
import os
import resource
import sqlite3
import sys
import time

import hnswlib
import joblib
import numpy as np
import polars as pl
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, RobustScaler

NUMBERS = ["OUTER_DIA_MM", "WIDTH_MM", "LENGTH_MM", "WEIGHT_KG", "TOLERANCE_MM", "HARDNESS_HRC", "HOLE_CNT", "ORDER_QTY"]
CATEGORIES = ["ITEM_GRP", "MATERIAL_CD", "SURFACE_CD", "THREAD_YN"]
NEIGHBOURS, SEED = 20, 42
PENALTIES = [1.0, 10.0, 100.0]


def extract(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def table(name, columns):
        return pl.read_database(f"SELECT {','.join(columns)} FROM {name}", connection, infer_schema_length=None)

    return (
        table("ItemMaster", ["ITEM_CD", "ITEM_NM", *NUMBERS[:-1], *CATEGORIES, "STD_PRICE", "REG_DT", "USE_YN", "REMARK"]),
        table("OperationCode", ["OP_CD", "OP_NM", "WC_GRP", "STD_SETUP_MIN", "STD_RUN_MIN", "OUTSOURCE_YN"]),
        table("RoutingOperation", ["ITEM_CD", "ROUTING_NO", "OP_SEQ", "OP_CD", "WC_CD", "OUTSOURCE_YN", "SETUP_MIN",
                                   "RUN_MIN_PER_EA", "OUT_LEAD_DAYS"]),
        table("WorkOrder", ["WO_NO", "ITEM_CD", "ROUTING_NO", "ORDER_QTY", "ORDER_DT", "STATUS", "REWORK_YN"]),
    )


def statistics(frame):
    of = pl.col("run")
    return frame.group_by("OP_CD").agg(
        of.len().alias("count"), of.mean().alias("mean"), of.std().alias("deviation"), of.quantile(0.25).alias("q1"),
        of.median().alias("median"), of.quantile(0.75).alias("q3"), of.min().alias("least"), of.max().alias("greatest"))


def prepare(items, operations, orders):
    items = items.filter(pl.col("ITEM_CD").is_not_null()).unique("ITEM_CD", keep="first", maintain_order=True)
    quantity = orders.unique("WO_NO", keep="first").group_by("ITEM_CD").agg(pl.col("ORDER_QTY").median())
    items = items.join(quantity, on="ITEM_CD", how="left").with_row_index("part")
    steps = operations.join(items.select("ITEM_CD", "part"), on="ITEM_CD", how="inner")
    first = steps.group_by("part").agg(pl.col("ROUTING_NO").min())
    steps = steps.join(first, on=["part", "ROUTING_NO"], how="semi").sort("part", "OP_SEQ")
    steps = steps.unique(["part", "OP_SEQ", "OP_CD"], keep="first", maintain_order=True)
    own = pl.col("OUTSOURCE_YN") != 1
    steps = steps.with_columns(
        pl.when(own & (pl.col("RUN_MIN_PER_EA") > 0)).then(pl.col("RUN_MIN_PER_EA")).alias("run"),
        pl.when(own & (pl.col("SETUP_MIN") >= 0)).then(pl.col("SETUP_MIN")).alias("setup"))
    before = statistics(steps.filter(pl.col("run").is_not_null()))
    z = (pl.col("run").log() - pl.col("run").log().mean().over("OP_CD")) / pl.col("run").log().std().over("OP_CD")
    steps = steps.with_columns(pl.when(z.abs() <= 3).then(pl.col("run")).alias("run"))
    known = steps.filter(pl.col("run").is_not_null())
    rank, count = pl.col("run").rank("ordinal").over("OP_CD"), pl.len().over("OP_CD")
    trimmed = (count * 0.025).floor()
    after = statistics(known.filter((rank > trimmed) & (rank <= count - trimmed)))
    codes = {code: chr(0x100 + place) for place, code in enumerate(steps["OP_CD"].unique().sort())}
    steps = steps.with_columns(pl.col("OP_CD").replace_strict(codes, return_dtype=pl.String).alias("sign"))
    paths = steps.group_by("part", maintain_order=True).agg(pl.col("sign").str.join()).join(
        items.select("part"), on="part", how="right").sort("part")["sign"].fill_null("").to_list()
    return items, steps.select("part", "OP_CD", "run", "setup"), paths, before, after


def encoder(items):
    blocks = []
    for name in NUMBERS:
        values = items[name].drop_nulls()
        steps = [RobustScaler()]
        if values.min() >= 0 and values.skew() > 1:
            steps.insert(0, FunctionTransformer(lambda x: np.log1p(np.asarray(x))))
        blocks.append((name, make_pipeline(*steps, FunctionTransformer(lambda x: np.clip(np.nan_to_num(x), -4, 4))), [name]))
    blocks.append(("categories", OneHotEncoder(max_categories=129, handle_unknown="ignore", sparse_output=False), CATEGORIES))
    hashed = HashingVectorizer(analyzer="char", ngram_range=(3, 3), n_features=16, norm="l2")
    blocks.append(("text", make_pipeline(hashed, FunctionTransformer(lambda x: x.toarray(), accept_sparse=True)), "ITEM_NM"))
    return ColumnTransformer(blocks)


def frame(items):
    return items.select(
        pl.col(NUMBERS).cast(pl.Float64).fill_null(float("nan")), pl.col(CATEGORIES).cast(pl.String).fill_null(""),
        pl.col("ITEM_NM").fill_null(""))


def inputs(vectors):
    return np.hstack([vectors, vectors[:, : len(NUMBERS)] ** 2]).astype(np.float64)


def fit_times(steps, of):
    """For each operation a regression of the logarithm of run and set-up minutes, and the interval of residuals it has not seen."""
    models = {}
    for (code,), rows in steps.group_by("OP_CD", maintain_order=True):
        for kind, forward in (("run", np.log), ("setup", np.log1p)):
            known = rows.filter(pl.col(kind).is_not_null())
            if known.height > 20_000:
                known = known.sample(20_000, seed=1)
            if known.height < 12:
                continue
            parts, outputs = known["part"].to_numpy(), forward(known[kind].to_numpy())
            x, folds = of[parts], parts % 5
            best = None
            for penalty in PENALTIES:
                residuals = np.empty_like(outputs)
                for fold in range(5):
                    inside = folds == fold
                    if inside.any():
                        model = Ridge(alpha=penalty, solver="cholesky").fit(x[~inside], outputs[~inside])
                        residuals[inside] = outputs[inside] - model.predict(x[inside])
                error = np.median(np.abs(residuals))
                if best is None or error < best[0]:
                    best = (error, penalty, np.quantile(residuals, [0.1, 0.9]))
            models[code, kind] = (Ridge(alpha=best[1], solver="cholesky").fit(x, outputs), best[2])
    return models


def medoid(found, distances, paths):
    near = [paths[place] for place in found]
    farthest = distances[-1]
    weights = 1 / (1 + 2 * distances / farthest) if farthest > 0 else np.ones(len(near))
    costs = cdist(near, near, scorer=Levenshtein.distance, dtype=np.int32) @ weights
    return near[int(np.argmin(costs))], near, weights


def similarity(one, other):
    return 1 - Levenshtein.distance(one, other) / max(len(one), len(other), 1)


def fit_confidence(vectors, paths, random):
    probes = random.choice(len(paths), min(1000, len(paths)), replace=False)
    distances, found = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(vectors).kneighbors(vectors[probes])
    evidence, outcomes = [], []
    for probe, places, away in zip(probes, found, distances):
        others = places != probe
        places, away = places[others][:NEIGHBOURS], away[others][:NEIGHBOURS] ** 2
        chosen, near, weights = medoid(places, away, paths)
        agreement = np.average([similarity(chosen, path) for path in near], weights=weights)
        evidence.append([agreement, np.log(away.mean() + 1e-6)])
        outcomes.append(Levenshtein.distance(chosen, paths[probe]) <= 1)
    return LogisticRegression().fit(evidence, outcomes)


def learn_weights(vectors, blocks, paths, random):
    """Coordinate ascent on the weight of each feature, as `daybook train` does it."""
    base = np.sort(random.choice(len(paths), min(4000, len(paths)), replace=False))
    asked = np.sort(random.choice(len(base), min(800, len(base)), replace=False))
    near_paths, rows = [paths[place] for place in base], vectors[base]
    distances = []
    for start, end in blocks:
        one, all_ = rows[asked, start:end], rows[:, start:end]
        squares = (one**2).sum(1)[:, None] + (all_**2).sum(1)[None] - 2 * one @ all_.T
        squares[np.arange(len(asked)), asked] = np.inf
        distances.append(np.maximum(squares, 0))

    def score(sums):
        found = np.argpartition(sums, 10, axis=1)[:, :10]
        total = 0.0
        for row, places in enumerate(found):
            away = sums[row, places]
            order = np.argsort(away)
            total += similarity(medoid(places[order], away[order], near_paths)[0], near_paths[asked[row]])
        return total / len(asked)

    weights = np.ones(len(blocks), np.float32)
    sums = np.add.reduce(distances)
    best = score(sums)
    for _ in range(3):
        better = False
        for block in range(len(blocks)):
            old = kept = weights[block]
            for factor in (0, 0.25, 0.5, 0.7, 1.5, 2, 3):
                weight = (factor / 2 if factor else 0) if old == 0 else old * factor
                with np.errstate(invalid="ignore"):
                    changed = np.nan_to_num(sums + distances[block] * (weight**2 - old**2), nan=np.inf)
                reached = score(changed)
                if reached > best + 0.0005:
                    best, kept = reached, weight
            if kept != old:
                with np.errstate(invalid="ignore"):
                    sums = np.nan_to_num(sums + distances[block] * (kept**2 - old**2), nan=np.inf)
                weights[block], better = kept, True
        if not better:
            break
    return weights


def block_ranges(transformer):
    widths = [1] * len(NUMBERS)
    one_hot = transformer.named_transformers_["categories"]
    widths += [len(group) for group in one_hot.categories_] + [16]
    ends = np.cumsum(widths)
    return list(zip(ends - widths, ends))


def fit(items, steps, paths, learns):
    random = np.random.default_rng(SEED)
    table = frame(items)
    transformer = encoder(items).fit(table)
    vectors = transformer.transform(table).astype(np.float32)
    models = fit_times(steps, inputs(vectors))
    weights = np.ones(vectors.shape[1], np.float32)
    if learns:
        blocks = block_ranges(transformer)
        for (start, end), weight in zip(blocks, learn_weights(vectors, blocks, paths, random)):
            weights[start:end] = weight
    vectors *= weights
    return transformer, weights, vectors, models, fit_confidence(vectors, paths, random)


def evaluate(items, steps, paths, learns):
    """One split: a thousand parts drawn at random, told by a model of at most 20,000 others."""
    random = np.random.default_rng(SEED + 3)
    order = random.permutation(len(paths))
    held, train = np.sort(order[:1000]), np.sort(order[1000:21_000])
    places = np.full(len(paths), -1)
    places[train] = np.arange(len(train))
    own = steps.with_columns(pl.Series("part", places[steps["part"].to_numpy()])).filter(pl.col("part") >= 0)
    own_paths = [paths[part] for part in train]
    transformer, weights, vectors, models, _ = fit(items[train], own, own_paths, learns)
    plain = transformer.transform(frame(items[held])).astype(np.float32)
    distances, found = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(vectors).kneighbors(plain * weights)
    similar, edits = [], []
    for part, places, away in zip(held, found, distances**2):
        chosen = medoid(places, away, own_paths)[0]
        similar.append(similarity(chosen, paths[part]))
        edits.append(Levenshtein.distance(chosen, paths[part]))
    of = inputs(plain)
    rank = np.full(len(paths), -1)
    rank[held] = np.arange(len(held))
    errors = []
    for (code,), rows in steps.filter(pl.col("run").is_not_null()).with_columns(
            pl.Series("held", rank[steps.filter(pl.col("run").is_not_null())["part"].to_numpy()])).filter(
            pl.col("held") >= 0).group_by("OP_CD"):
        if (code, "run") in models:
            told = np.exp(models[code, "run"][0].predict(of[rows["held"].to_numpy()]))
            errors.extend(np.abs(told / rows["run"].to_numpy() - 1))
    return {"similarity": float(np.mean(similar)), "within_one_edit": float(np.mean(np.array(edits) <= 1)),
            "median_ape_percent": float(np.median(errors) * 100)}


def main():
    source, folder, learns = sys.argv[1], sys.argv[2], "--learn-weights" in sys.argv
    os.makedirs(folder, exist_ok=True)
    seconds, start = {}, time.perf_counter()

    def step(name):
        nonlocal start
        now = time.perf_counter()
        seconds[name] = round(now - start, 2)
        start = now

    items, codes, operations, orders = extract(source)
    step("extract")
    items, steps, paths, before, after = prepare(items, operations, orders)
    del operations, orders
    step("prepare")
    transformer, weights, vectors, models, confidence = fit(items, steps, paths, learns)
    step("fit")
    index = hnswlib.Index("l2", vectors.shape[1])
    index.init_index(len(vectors), M=16, ef_construction=200, random_seed=SEED)
    index.add_items(vectors, num_threads=1)
    step("index")
    quality = evaluate(items, steps, paths, learns)
    step("evaluate")
    index.save_index(f"{folder}/index.bin")
    names, blocks = list(transformer.named_transformers_), [
        [getattr(step, "__dict__", {}) for step in getattr(block, "named_steps", {"one": block}).values()
         if not isinstance(step, FunctionTransformer)] for block in transformer.named_transformers_.values()]
    joblib.dump({"names": names, "blocks": blocks, "weights": weights, "times": models, "confidence": confidence},
                f"{folder}/model.joblib")
    items.write_parquet(f"{folder}/items.parquet")
    steps.write_parquet(f"{folder}/steps.parquet")
    before.write_parquet(f"{folder}/before.parquet")
    after.write_parquet(f"{folder}/after.parquet")
    with open(f"{folder}/quality.json", "w") as file:
        json.dump(quality, file)
    step("save")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "peak_mib": peak >> 10, "parts": len(paths), "operations": steps.height,
                      "dimension": int(vectors.shape[1]), **{k: round(v, 4) for k, v in quality.items()}}))


main()
