import urllib.request

import requests
from flask import Flask

app = Flask(__name__)
session = requests.Session()


@app.get("/a")
def a():
    return requests.get("https://a.example.com").text


@app.get("/b")
def b():
    return session.post("https://b.example.com", json={}).text


@app.get("/c")
def c():
    return urllib.request.urlopen("https://c.example.com").read()
