import webbrowser

import matplotlib.pyplot as plt
from flask import Flask

app = Flask(__name__)


@app.get("/plot")
def plot():
    plt.plot([1, 2])
    plt.show()
    return "shown"


@app.get("/open")
def open_page():
    webbrowser.open("https://example.com")
    return "opened"


if __name__ == "__main__":
    webbrowser.open("http://127.0.0.1:5000")
    app.run()
