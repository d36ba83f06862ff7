from quart import Quart, request

app = Quart(__name__)


@app.post("/upload")
async def upload():
    files = await request.files
    return files["file"].filename
