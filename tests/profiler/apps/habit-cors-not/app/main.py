import os

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

app = FastAPI()
app.add_middleware(
    CORSMiddleware, allow_origins=["https://shop.example.com"], allow_credentials=True
)
app.add_middleware(CORSMiddleware, allow_origins=os.environ["ORIGINS"].split(","))
