import boto3
from flask import Flask, request

app = Flask(__name__)
bedrock = boto3.client("bedrock-runtime", region_name="us-east-1")
MODELS = ["anthropic.claude-3-5-sonnet-20240620-v1:0", "amazon.nova-lite-v1:0"]


@app.post("/analyse")
def analyse():
    for model in MODELS:
        try:
            return bedrock.converse(modelId=model, messages=[])["output"]
        except bedrock.exceptions.ThrottlingException:
            continue
    return "", 503
