import sqlite3

from fastapi import FastAPI
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_url: str = "sqlite+aiosqlite:///./app.db"


settings = Settings()
app = FastAPI()


@app.get("/")
def index():
    db = sqlite3.connect("visits.db")
    memory = sqlite3.connect(":memory:")
    return [db, memory]
