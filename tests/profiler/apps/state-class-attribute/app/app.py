from flask import Flask, request

app = Flask(__name__)


class Votes:
    ballots = []

    @classmethod
    def cast(cls, ballot):
        cls.ballots.append(ballot)


@app.post("/vote")
def vote():
    Votes.cast(request.json)
    return "", 204
