"""The cleaning and statistics of times in groups, as `daybook-bench aggregate` does them, in Polars or pandas.

    aggregate_peer.py polars|pandas FILE

Statistics of each group before; outliers by the z-score of the logarithm; 2.5 % trimmed at each end; statistics after.
Groups are numbers already. Prints milliseconds (the median of five runs after a first one), the most memory of the process in KiB, the
outliers, and a sum of the results, by which the sides are compared.
"""

import resource
import statistics
import sys
import time

Z_LIMIT, TRIM, LEAST = 3.0, 0.025, 5


def with_polars(codes, times):
    import polars as pl

    frame = pl.DataFrame({"group": codes, "time": times})

    def facts(of):
        return [
            of.len().alias("count"), of.mean().alias("mean"), of.std().alias("deviation"),
            of.quantile(0.25, "linear").alias("quartile1"), of.median().alias("median"),
            of.quantile(0.75, "linear").alias("quartile3"), of.min().alias("least"), of.max().alias("greatest"),
        ]

    def run():
        logarithm = pl.col("time").log()
        scored = frame.lazy().with_columns(
            (((logarithm - logarithm.mean().over("group")).abs() > Z_LIMIT * logarithm.std().over("group"))
             & (pl.len().over("group") >= LEAST)).alias("outlier"))
        before = frame.lazy().group_by("group").agg(facts(pl.col("time")))
        trimmed = (pl.len() * TRIM).floor().cast(pl.Int64)
        kept = pl.col("time").sort().slice(trimmed, pl.len().cast(pl.Int64) - 2 * trimmed)
        after = scored.filter(~pl.col("outlier")).group_by("group").agg(kept).explode("time").group_by("group").agg(
            facts(pl.col("time")))
        outliers = scored.select(pl.arg_where(pl.col("outlier")))
        return pl.collect_all([before, after, outliers])

    def check(results):
        names = ["mean", "deviation", "quartile1", "median", "quartile3"]
        return results[2].height, sum(float(frame[name].sum()) for frame in results[:2] for name in names)

    return run, check


def with_pandas(codes, times):
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"group": codes, "time": times})

    def facts(grouped):
        found = grouped.agg(["count", "mean", "std", "min", "max"])
        quantiles = grouped.quantile([0.25, 0.5, 0.75]).unstack()
        return found.join(quantiles)

    def run():
        before = facts(frame.groupby("group")["time"])
        logarithm = np.log(frame["time"])
        grouped = logarithm.groupby(frame["group"])
        outlier = ((logarithm - grouped.transform("mean")).abs() > Z_LIMIT * grouped.transform("std")) & (
            grouped.transform("count") >= LEAST)
        kept = frame[~outlier].sort_values(["group", "time"])
        grouped = kept.groupby("group")["time"]
        size, rank = grouped.transform("size"), grouped.cumcount()
        trimmed = np.floor(size * TRIM)
        after = facts(kept[(rank >= trimmed) & (rank < size - trimmed)].groupby("group")["time"])
        return before, after, np.flatnonzero(outlier)

    def check(results):
        names = ["mean", "std", 0.25, 0.5, 0.75]
        return len(results[2]), sum(float(frame[name].sum()) for frame in results[:2] for name in names)

    return run, check


def main():
    import numpy as np

    with open(sys.argv[2], "rb") as file:
        rows, _ = np.fromfile(file, np.int64, 2)
        codes, times = np.fromfile(file, np.int32, rows), np.fromfile(file, np.float64, rows)
    run, check = (with_polars if sys.argv[1] == "polars" else with_pandas)(codes, times)
    del codes, times
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        results = run()
        taken.append((time.perf_counter() - start) * 1000)
    outliers, total = check(results)
    print(statistics.median(taken[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, outliers, total)


main()
