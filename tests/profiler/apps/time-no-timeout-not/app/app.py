import httpx
import requests
from flask import Flask, session

app = Flask(__name__)
http = requests.Session()
LIMIT = (3, 30)


@app.get("/a")
def a():
    options = {"timeout": 5}
    requests.get("https://a.example.com", timeout=LIMIT)
    requests.get("https://a.example.com", **options)
    http.get("https://a.example.com", timeout=10)
    return httpx.get("https://b.example.com").text + session.get("name", "")
