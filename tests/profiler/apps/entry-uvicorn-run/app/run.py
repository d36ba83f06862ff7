import uvicorn

if __name__ == "__main__":
    uvicorn.run("service.core:api", host="0.0.0.0", port=9000)
