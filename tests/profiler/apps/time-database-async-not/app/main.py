from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

engine = create_async_engine("postgresql+asyncpg://db.internal/shop")
app = FastAPI()


async def get_db():
    async with AsyncSession(engine) as session:
        yield session


@app.get("/orders")
async def orders(db: AsyncSession = Depends(get_db)):
    result = await db.execute(text("select 1"))
    return result.all()
