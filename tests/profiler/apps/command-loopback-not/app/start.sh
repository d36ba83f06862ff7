#!/bin/sh
nginx
exec uvicorn main:app --port 8000
