import os

import click
from decouple import config
from environs import Env
from flask import Flask

env = Env()
env.read_env()


def setting(name, default=None):
    return os.environ.get(name, default)


app = Flask(__name__)
app.config["A"] = config("FROM_DECOUPLE")
app.config["B"] = config("WITH_DEFAULT", default=5, cast=int)
app.config["C"] = env.str("FROM_ENVIRONS")
app.config["D"] = setting("FROM_HELPER", "x")
PORT = int(os.getenv("PORT", "5000"))


@click.command()
@click.option("--level", envvar="LOG_LEVEL")
def run(level):
    app.run(port=PORT)
