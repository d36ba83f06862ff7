SECRET_KEY = "not-a-real-key"
ROOT_URLCONF = "proj.urls"
INSTALLED_APPS = ["django.contrib.admin", "shop"]
