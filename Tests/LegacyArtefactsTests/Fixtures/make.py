"""Makes encoders.json: encoders as scikit-learn writes them, with rows and the vectors that it makes of them.

Usage: python make.py > encoders-VERSION.json, in an environment with scikit-learn, joblib and NumPy (of the versions to be read).
A developer's tool: the result is committed, and no test runs this.
"""
import base64
import io
import json
import math
import sys

import joblib
import numpy as np
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, OrdinalEncoder, StandardScaler

nan = float("nan")
numbers = np.array([[1.0, 10.0], [2.0, nan], [4.0, 30.5], [8.0, -3.25]])
texts = np.array([["a", "x"], ["b", "y"], ["한글", "x"], ["a", "z"]], dtype=object)
mixed = np.empty((4, 4), dtype=object)
mixed[:, :2] = numbers
mixed[:, 2:] = texts
found = []


def cell(value):
    if value is None or isinstance(value, str):
        return value
    value = float(value)
    return {"nan": True} if math.isnan(value) else value


def case(name, encoder, rows, protocol=None, compress=0):
    encoder.fit(rows)
    made = encoder.transform(rows)
    made = made.toarray() if hasattr(made, "toarray") else made
    out = io.BytesIO()
    joblib.dump(encoder, out, protocol=protocol, compress=compress)
    one = getattr(rows, "ndim", 2) == 1
    found.append({
        "name": name,
        "file": base64.b64encode(out.getvalue()).decode(),
        "rows": [[cell(v) for v in ([row] if one else row)] for row in rows],
        "vectors": [[cell(v) for v in ([row] if one else row)] for row in made],
    })


for protocol in (2, 3, 4, 5):
    case(f"scaler, protocol {protocol}", StandardScaler(), numbers, protocol)
    case(f"one-hot, protocol {protocol}", OneHotEncoder(), texts, protocol)
case("scaler without mean", StandardScaler(with_mean=False), numbers)
case("scaler without scale", StandardScaler(with_std=False), numbers)
case("scaler, zlib", StandardScaler(), numbers, compress=("zlib", 3))
case("scaler, gzip", StandardScaler(), numbers, compress=("gzip", 3))
case("scaler of 32-bit numbers", StandardScaler(), np.arange(12, dtype=np.float64).reshape(4, 3))
case("one-hot, first dropped", OneHotEncoder(drop="first", dtype=np.float32), texts)
case("one-hot, binary dropped", OneHotEncoder(drop="if_binary", handle_unknown="ignore"), texts)
case("one-hot of numbers", OneHotEncoder(), np.array([[1.5, 3], [nan, 3], [2, 4]]))
case("one-hot of fixed texts", OneHotEncoder(), np.array([["aa", "b"], ["c", "ddd"]]))
case("one-hot with None", OneHotEncoder(), np.array([["a"], [None], ["b"]], dtype=object))
case("ordinal", OrdinalEncoder(), texts)
case("ordinal with missing", OrdinalEncoder(encoded_missing_value=-2, handle_unknown="use_encoded_value",
                                            unknown_value=-1), np.array([["a"], [nan], ["b"]], dtype=object))
case("label", LabelEncoder(), np.array(["b", "a", "c", "a"], dtype=object))
case("imputer, median", SimpleImputer(strategy="median"), numbers)
case("imputer, empty column", SimpleImputer(), np.array([[1.0, nan], [3.0, nan], [nan, nan]]))
case("imputer, empty column kept", SimpleImputer(keep_empty_features=True), np.array([[1.0, nan], [3.0, nan]]))
case("imputer of texts", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
     np.array([["a"], [nan], ["a"], ["b"]], dtype=object))
case("imputer, constant", make_pipeline(SimpleImputer(strategy="constant", fill_value="?", missing_values=None),
                                        OrdinalEncoder()), np.array([["a"], [None]], dtype=object))
case("pipeline", Pipeline([("i", SimpleImputer()), ("p", "passthrough"), ("s", StandardScaler())]), numbers)
case("columns", ColumnTransformer([
    ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1]),
    ("t", OneHotEncoder(handle_unknown="ignore"), slice(2, 4)),
], sparse_threshold=0), mixed)
case("columns, weights and remainder", ColumnTransformer([
    ("n", StandardScaler(), [1]), ("d", "drop", [2]), ("e", StandardScaler(), []),
    ("m", OneHotEncoder(), [False, False, False, True]),
], remainder="passthrough", transformer_weights={"n": 2.5}, sparse_threshold=0), mixed)
case("columns, remainder encoded", ColumnTransformer([
    ("t", OrdinalEncoder(), [-1, -2])], remainder=StandardScaler()), mixed)
json.dump({"scikit_learn": sklearn.__version__, "numpy": np.__version__, "joblib": joblib.__version__,
           "cases": found}, sys.stdout, ensure_ascii=False, indent=1)
