from django.core.cache import cache
from django.http import HttpResponse
from django.views import View

placed = []


def index(request):
    cache.set("seen", 1)
    return HttpResponse("hello")


class OrderView(View):
    def post(self, request):
        placed.append(request.POST["name"])
        return HttpResponse("ok")
