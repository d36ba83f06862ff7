#!/bin/sh
set -e
gunicorn -b :8000 shop:app
