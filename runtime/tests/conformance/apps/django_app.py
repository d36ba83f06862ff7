"""The same behaviours as in the other apps of this folder, in Django, in one file."""

import logging
import os
import time

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "only-for-this-app"),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
log = logging.getLogger("shop")
kept = []


def hello(request, name):
    return HttpResponse(f"hello {name}")


def sleep(request, seconds):
    time.sleep(float(seconds))
    return HttpResponse("slept")


def wait(request):
    while not os.path.exists(request.GET["gate"]):
        time.sleep(0.02)
    return HttpResponse("waited")


def stream(request):
    def chunks():
        yield "begun\n"
        while not os.path.exists(request.GET["gate"]):
            time.sleep(0.02)
            yield ".\n"
        yield "ended\n"

    return StreamingHttpResponse(chunks(), content_type="text/plain")


def hold(request):
    os.write(1, b"held\n")
    while not os.path.exists(request.GET["gate"]):
        time.sleep(0.02)
    return HttpResponse("held")


def leak(request, mib):
    kept.append(b"x" * (mib << 20))
    return HttpResponse(str(os.getpid()))


def pid(request):
    return HttpResponse(str(os.getpid()))


def talk(request):
    log.warning("selling %s", "apples")
    print("sold apples")
    return HttpResponse("talked")


def secret(request):
    key = os.environ["SHOP_API_KEY"]
    log.warning("calling with Authorization: Bearer %s", key)
    print("the key is", key)
    raise RuntimeError(f"denied for {key}")


def upload(request):
    return HttpResponse(str(sum(len(file.read()) for file in request.FILES.values())))


urlpatterns = [
    path("hello/<str:name>", hello),
    path("sleep/<str:seconds>", sleep),
    path("wait", wait),
    path("stream", stream),
    path("hold", hold),
    path("leak/<int:mib>", leak),
    path("pid", pid),
    path("talk", talk),
    path("secret", secret),
    path("upload", upload),
]
app = get_wsgi_application()
