import pytesseract
from celery import shared_task
from flask import Flask
from pdf2image import convert_from_path

app = Flask(__name__)


@app.post("/read")
def read():
    return pytesseract.image_to_string("scan.png")


@shared_task
def read_all(path):
    return convert_from_path(path)
