from sanic import Sanic, text

app = Sanic("shop")


@app.get("/")
async def home(request):
    return text("hello")
