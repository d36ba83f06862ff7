import subprocess

from fastapi import FastAPI

subprocess.Popen(["celery", "-A", "tasks", "worker"])
app = FastAPI()


@app.get("/")
def index():
    return "hello"


if __name__ == "__main__":
    subprocess.Popen(["npm", "start"])
