import os
import smtplib

from confluent_kafka import Producer
from elasticsearch import Elasticsearch
from flask import Flask
from neo4j import GraphDatabase
from sqlalchemy import create_engine

app = Flask(__name__)
producer = Producer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
search = Elasticsearch(os.environ["ELASTICSEARCH_URL"])
graph = GraphDatabase.driver(os.getenv("NEO4J_URI", "bolt://localhost:7687"))
engine = create_engine("mssql+pyodbc://db.internal/shop")


def mail(text):
    with smtplib.SMTP(os.environ["SMTP_HOST"]) as server:
        server.sendmail("a@b.de", "c@d.de", text)
