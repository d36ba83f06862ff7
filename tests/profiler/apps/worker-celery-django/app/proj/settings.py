SECRET_KEY = "not-a-real-key"
ROOT_URLCONF = "proj.urls"
INSTALLED_APPS = ["django.contrib.admin", "shop"]
CELERY_TASK_ALWAYS_EAGER = False
CELERY_WORKER_CONCURRENCY = 2
