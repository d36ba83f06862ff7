from app import app
from config import Config
