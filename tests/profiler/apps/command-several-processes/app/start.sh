#!/bin/bash
celery -A jobs worker &
exec gunicorn -b :8000 shop:app
