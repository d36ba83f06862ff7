from fastapi import FastAPI
from pydantic import PostgresDsn, RedisDsn
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlmodel import create_engine


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOP_", env_file=".env")

    database_url: PostgresDsn
    redis_url: RedisDsn = "redis://localhost:6379/0"
    smtp_host: str | None = None
    page_size: int = 20


settings = Settings()
engine = create_engine(str(settings.database_url))
app = FastAPI()
