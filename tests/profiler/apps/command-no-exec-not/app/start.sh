#!/bin/sh
gunicorn -b :8000 shop:app
