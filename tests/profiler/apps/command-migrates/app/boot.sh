#!/bin/bash
while true; do
    flask db upgrade
    if [[ "$?" == "0" ]]; then break; fi
    sleep 5
done
exec gunicorn -b :5000 shop:app
