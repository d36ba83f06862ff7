from django.urls import path

from . import views

urlpatterns = [path("", views.index), path("order/", views.OrderView.as_view())]
