import subprocess
from fastapi import FastAPI

app = FastAPI(title="convert")

@app.post("/")
def cut(name: str):
    subprocess.run(["ffmpeg", "-i", name, "out.mp3"], check=True)
    print("pandoc")
