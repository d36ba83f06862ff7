#!/bin/sh
if [ "$MIGRATE" = on ]; then
    flask --app shop db upgrade
fi
exec gunicorn -b :80 shop:app
