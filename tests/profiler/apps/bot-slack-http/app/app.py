from flask import Flask, request
from slack_bolt import App
from slack_bolt.adapter.flask import SlackRequestHandler

bolt = App(token="xoxb-not-a-token", signing_secret="none")
app = Flask(__name__)
handler = SlackRequestHandler(bolt)


@app.post("/slack/events")
def events():
    return handler.handle(request)
