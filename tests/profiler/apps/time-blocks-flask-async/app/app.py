import requests
from flask import Flask

app = Flask(__name__)


@app.get("/")
async def index():
    return requests.get("https://api.example.com", timeout=3).text
