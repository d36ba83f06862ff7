from django.core.cache import cache
from django.http import HttpResponse
from django.views import View


def index(request):
    cache.set("seen", 1)
    return HttpResponse("hello")


class OrderView(View):
    def post(self, request):
        return HttpResponse("ok")
