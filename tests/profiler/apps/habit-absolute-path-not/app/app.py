import os
import sys

import pytesseract
from flask import Flask

app = Flask(__name__)
FOLDER = "/home/appuser/data"
MODEL = os.environ.get("MODEL", "/Users/maria/model.pkl")
if sys.platform == "win32":
    pytesseract.pytesseract.tesseract_cmd = r"C:\Program Files\Tesseract-OCR\tesseract.exe"


@app.get("/home/news")
def news():
    return "C: the programming language"


@app.get("/Users/list")
def users():
    return "/Users"
