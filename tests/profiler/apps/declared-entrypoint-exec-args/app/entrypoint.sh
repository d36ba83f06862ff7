#!/bin/sh
set -e
python check.py
exec "$@"
