import os

import boto3
from azure.storage.blob import BlobServiceClient
from flask import Flask
from google.cloud import storage

app = Flask(__name__)
s3 = boto3.client("s3", endpoint_url="https://acc.r2.cloudflarestorage.com")
table = boto3.resource("dynamodb")
queue = boto3.client("sqs")
bucket = storage.Client().bucket(os.environ["GCS_BUCKET"])
blobs = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
