#!/bin/bash
celery -A jobs worker &
gunicorn -b :8000 shop:app &
wait -n
