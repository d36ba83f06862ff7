from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def index():
    return input("Your name? ")


@app.post("/echo")
def echo():
    input = request.json["input"]
    return input.upper()


if __name__ == "__main__":
    app.run(port=int(input("Port: ")))
