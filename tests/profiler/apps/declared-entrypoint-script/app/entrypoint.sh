#!/bin/sh
set -e
case "$1" in
  admin)
    exec gunicorn -b :8000 admin:app ;;
  serve)
    exec gunicorn -b :8000 shop:app ;;
esac
