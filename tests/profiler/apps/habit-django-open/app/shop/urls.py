from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def pay(request):
    return HttpResponse("ok")


@csrf_exempt
def stripe_webhook(request):
    return HttpResponse("ok")


urlpatterns = [path("pay", pay), path("hook", stripe_webhook), path("healthz/", pay)]
