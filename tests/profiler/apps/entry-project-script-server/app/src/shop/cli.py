import uvicorn


def main():
    uvicorn.run("shop.api:app", port=8080)
