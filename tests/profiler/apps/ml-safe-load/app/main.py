import pickle

import torch
from fastapi import FastAPI, UploadFile

app = FastAPI()
with open("vocab.pkl", "rb") as file:
    vocabulary = pickle.load(file)


@app.post("/weights")
def weights(file: UploadFile):
    return len(torch.load(file.file, weights_only=True))


@app.post("/newer")
def newer(file: UploadFile):
    return len(torch.load(file.file))
