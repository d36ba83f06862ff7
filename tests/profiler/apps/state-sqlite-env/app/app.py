import os

from flask import Flask

app = Flask(__name__)


class Config:
    SQLALCHEMY_DATABASE_URI = os.environ.get("DATABASE_URL", "sqlite:///shop.db")


class TestConfig(Config):
    SQLALCHEMY_DATABASE_URI = "sqlite:///test.db"


app.config.from_object(Config)


def is_sqlite(url):
    return url.startswith("sqlite:///")
