from flask import Flask

app = Flask(__name__)
HEAD = "-----BEGIN PRIVATE KEY-----"


def is_key(text):
    return text.startswith(HEAD)
