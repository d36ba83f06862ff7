import ast
import subprocess

from flask import Flask, request

app = Flask(__name__)
FORMULAS = {"double": "x * 2"}


class Model:
    def eval(self, text):
        return text


@app.post("/eval")
def calculate():
    x = float(request.json["x"])
    model = Model()
    model.eval(request.json["text"])
    return str(eval(FORMULAS["double"])) + str(ast.literal_eval(request.json["list"]))


@app.get("/ping/<int:count>")
def ping(count):
    subprocess.run(f"ping -c {count} example.com", shell=True, timeout=9)
    return subprocess.run(["ping", request.args["host"]], timeout=9).stdout
