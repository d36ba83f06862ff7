from flask import Flask
from sqlalchemy import create_engine

app = Flask(__name__)
engine = create_engine("postgresql://shop:tr0ub4dor-and-3@db.shop-prod.net/shop")
LOCAL = "postgresql://shop:tr0ub4dor-and-3@localhost/shop"
COMPOSE = "postgresql://postgres:postgres@db/shop"
SHOWN = "redis://:your-password@cache.shop-prod.net:6379"
MADE = f"mysql://{'user'}:{'password'}@db.shop-prod.net/shop"
