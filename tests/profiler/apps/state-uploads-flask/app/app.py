import boto3
from flask import Flask, request

app = Flask(__name__)
s3 = boto3.client("s3")


@app.post("/picture")
def picture():
    request.files["picture"].save("static/picture.png")
    return ""


@app.post("/document")
def document():
    s3.upload_fileobj(request.files["document"], "bucket", "key")
    return ""
