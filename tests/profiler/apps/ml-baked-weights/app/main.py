import whisper
from fastapi import FastAPI

app = FastAPI()
model = whisper.load_model("base")
