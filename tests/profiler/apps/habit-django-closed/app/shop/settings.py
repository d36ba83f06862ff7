import os

DEBUG = os.environ.get("DEBUG", "False").lower() in ("1", "true")
ALLOWED_HOSTS = ["shop.example.com"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["corsheaders"]
CORS_ALLOWED_ORIGINS = ["https://shop.example.com"]
