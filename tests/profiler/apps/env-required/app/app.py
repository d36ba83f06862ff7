import os
import sys

from flask import Flask

app = Flask(__name__)
TOKEN = os.getenv("BOT_TOKEN")
if not TOKEN:
    sys.exit("BOT_TOKEN is missing")
if os.getenv("STRIPE_KEY") is None:
    raise RuntimeError("STRIPE_KEY is missing")
if os.getenv("SENTRY_DSN"):
    print("reporting errors")
if "DEBUG_TOOLBAR" in os.environ:
    print("toolbar")
