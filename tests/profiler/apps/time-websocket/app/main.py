import socketio
from fastapi import FastAPI, WebSocket

app = FastAPI()
sio = socketio.AsyncServer(async_mode="asgi")
app.mount("/socket.io", socketio.ASGIApp(sio))


@app.websocket("/ws")
async def talk(socket: WebSocket):
    await socket.accept()


@app.get("/websocket")
async def about():
    return "there is one"
