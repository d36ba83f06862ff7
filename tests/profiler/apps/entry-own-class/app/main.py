class FastAPI:
    pass


app = FastAPI()
print(app)
