from flask import Flask, request

app = Flask(__name__)
app.config.from_object("config.Config")


@app.post("/upload")
def upload():
    return str(len(request.files["file"].read()))
