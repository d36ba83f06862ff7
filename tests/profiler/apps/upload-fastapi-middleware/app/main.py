from fastapi import FastAPI, Request, Response, UploadFile

app = FastAPI()


@app.middleware("http")
async def limit(request: Request, call_next):
    if int(request.headers.get("content-length", 0)) > 20_000_000:
        return Response(status_code=413)
    return await call_next(request)


@app.post("/read")
async def read(file: UploadFile):
    return len(await file.read())
