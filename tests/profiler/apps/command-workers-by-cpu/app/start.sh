#!/bin/sh
exec gunicorn -b :8000 -w $(( 2 * $(nproc) + 1 )) shop:app
