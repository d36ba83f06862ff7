from flask import Flask, request
from seatrial_runtime import anthropic, bedrock, fallback

import others

app = Flask(__name__)
MODELS = [bedrock("us.anthropic.claude-sonnet-5-5", region="us-east-1"), anthropic("claude-haiku-4-5")]
chain = fallback(MODELS, deadline_s=30)


@app.post("/ask")
def ask():
    return chain.ask(request.form["question"]).text + others.again(request.form["question"])
