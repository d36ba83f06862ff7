SECRET_KEY = "django-insecure-this-is-what-startproject-writes"
DEBUG = False
ALLOWED_HOSTS = ["shop.de"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
