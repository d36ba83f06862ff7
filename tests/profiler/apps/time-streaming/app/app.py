from flask import Flask, Response, stream_with_context

app = Flask(__name__)


@app.get("/events")
def events():
    def generate():
        yield "data: 1"

    return Response(generate(), mimetype="text/event-stream")


@app.get("/rows")
def rows():
    return Response(stream_with_context(str(i) for i in range(9)))


@app.get("/plain")
def plain():
    return Response(render(), mimetype="text/plain")


def render():
    return "plain"
