import sqlite3

from fastapi import FastAPI

app = FastAPI()
db = sqlite3.connect(":memory:", check_same_thread=False)
TABLE = "users"


@app.get("/users")
def users(name: str, limit: int):
    rows = db.execute(f"SELECT * FROM {TABLE} WHERE name = ? LIMIT {limit}", (name,))
    db.execute("SELECT name FROM users WHERE name = :name", {"name": name})
    print(f"select {name}")
    return rows.fetchall()
