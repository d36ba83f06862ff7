from functools import lru_cache

import joblib
from fastapi import FastAPI

app = FastAPI()
_model = None
loaded = {}


@lru_cache
def cached():
    return joblib.load("a.joblib")


def lazy():
    global _model
    if _model is None:
        _model = joblib.load("b.joblib")
    return _model


def by_name(name):
    if name not in loaded:
        loaded[name] = joblib.load("c.joblib")
    return loaded[name]


@app.on_event("startup")
def start():
    loaded["d"] = joblib.load("d.joblib")


@app.post("/predict")
def predict(x: float):
    return [m.predict([[x]]) for m in (cached(), lazy(), by_name("c"))]
