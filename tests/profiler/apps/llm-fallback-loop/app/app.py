import json

import boto3
from flask import Flask

app = Flask(__name__)
bedrock = boto3.client("bedrock-runtime")
MODELS = [
    {"id": "anthropic.claude-3-5-sonnet-20241022-v2:0", "name": "Sonnet 3.5"},
    {"id": "anthropic.claude-3-sonnet-20240229-v1:0", "name": "Sonnet 3"},
    {"id": "anthropic.claude-3-haiku-20240307-v1:0", "name": "Haiku"},
]


def ask(body):
    for model in MODELS:
        try:
            return bedrock.invoke_model(modelId=model["id"], body=json.dumps(body))
        except bedrock.exceptions.ThrottlingException:
            continue
    raise RuntimeError("no model answers")
