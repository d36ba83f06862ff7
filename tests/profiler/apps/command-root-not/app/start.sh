#!/bin/sh
sudo chown -R app /data
exec gosu app gunicorn -b :80 shop:app
