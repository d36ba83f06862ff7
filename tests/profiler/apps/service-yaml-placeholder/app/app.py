import yaml
from flask import Flask
from pymongo import MongoClient

with open("config.yaml") as file:
    config = yaml.safe_load(file)
app = Flask(__name__)
client = MongoClient(config["mongo"]["url"])
