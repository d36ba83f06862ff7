import subprocess

from flask import Flask

app = Flask(__name__)


@app.get("/a")
def a():
    return subprocess.check_output(["pandoc", "a.md"])


@app.get("/b")
def b():
    return subprocess.run(["pandoc", "b.md"], timeout=30, capture_output=True).stdout


if __name__ == "__main__":
    subprocess.run(["npm", "run", "build"])
    app.run()
