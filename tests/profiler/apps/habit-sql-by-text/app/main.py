import sqlite3

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
db = sqlite3.connect(":memory:", check_same_thread=False)


class Query(BaseModel):
    name: str


@app.get("/users")
def users(name: str):
    return db.execute(f"SELECT * FROM users WHERE name = '{name}'").fetchall()


@app.post("/search")
def search(query: Query):
    sql = "SELECT * FROM users WHERE name = '%s'" % query.name
    return db.execute(sql).fetchall()
