import requests
import yaml
from flask import Flask

app = Flask(__name__)
settings = yaml.load(open("settings.yml"), Loader=yaml.SafeLoader)


@app.get("/a")
def a():
    return requests.get("https://internal.example.com", verify=False, timeout=3).text


@app.get("/b")
def b():
    return yaml.load("a: 1", Loader=yaml.Loader)


@app.get("/c")
def c():
    return requests.get("https://example.com", verify="ca.pem", timeout=3).text
