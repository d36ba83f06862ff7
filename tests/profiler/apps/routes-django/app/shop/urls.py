from django.urls import path, re_path

from . import views

urlpatterns = [
    path("<int:pk>/", views.item, name="item"),
    re_path(r"^year/(?P<year>[0-9]{4})/$", views.year),
    path("buy/", views.Buy.as_view()),
]
