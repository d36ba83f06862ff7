from fastapi import Depends, FastAPI
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session, sessionmaker

engine = create_engine("postgresql://db.internal/shop")
SessionLocal = sessionmaker(bind=engine)
app = FastAPI()


def get_db():
    with Session(engine) as session:
        yield session


@app.get("/orders")
async def orders(db: Session = Depends(get_db)):
    return db.execute(text("select 1")).all()


@app.get("/plain")
def plain(db: Session = Depends(get_db)):
    return db.execute(text("select 1")).all()
