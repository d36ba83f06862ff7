from fastapi import FastAPI, WebSocket

app = FastAPI()


@app.websocket("/ws")
async def echo(websocket: WebSocket):
    await websocket.accept()
    lines = []
    while True:
        lines.append(await websocket.receive_text())
        await websocket.send_text(lines[-1])
