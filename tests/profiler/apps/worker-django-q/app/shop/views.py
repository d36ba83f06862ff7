from django.http import HttpResponse
from django.views import View
from django.views.decorators.http import require_POST


def item(request, pk):
    if request.method == "POST":
        return HttpResponse("saved")
    return HttpResponse(str(pk))


@require_POST
def year(request, year):
    return HttpResponse(year)


class Buy(View):
    def get(self, request):
        return HttpResponse("buy")

    def post(self, request):
        return HttpResponse("bought")
