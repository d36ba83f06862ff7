from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def home():
    return {"ok": True}


@app.get("/files")
def files():
    import boto3

    return boto3.client("s3").list_buckets()
