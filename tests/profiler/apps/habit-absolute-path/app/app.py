import joblib
import pytesseract
from flask import Flask

app = Flask(__name__)
model = joblib.load("/Users/maria/projects/prices/model.pkl")
pytesseract.pytesseract.tesseract_cmd = r"C:\Program Files\Tesseract-OCR\tesseract.exe"


@app.get("/")
def index():
    return "hello"
