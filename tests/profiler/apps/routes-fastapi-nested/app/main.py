from fastapi import APIRouter, FastAPI

from items import router as items

api = APIRouter(prefix="/v1")
api.include_router(items, prefix="/items")

app = FastAPI()
app.include_router(api, prefix="/api")


@app.websocket("/ws")
async def ws(socket):
    await socket.accept()
