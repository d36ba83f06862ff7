import joblib
from fastapi import FastAPI
from transformers import AutoTokenizer, pipeline

app = FastAPI()
tokenizer = AutoTokenizer.from_pretrained("distilbert-base-uncased")


def load():
    return joblib.load("model.pkl")


model = load()
classify = pipeline("sentiment-analysis")


@app.post("/price")
def price(rooms: int):
    return model.predict([[rooms]])[0]


@app.post("/mood")
async def mood(text: str):
    tokens = tokenizer(text)
    return classify(text)
