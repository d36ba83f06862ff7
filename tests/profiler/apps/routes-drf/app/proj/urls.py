from django.urls import include, path
from rest_framework.routers import DefaultRouter

from shop.views import Users

router = DefaultRouter()
router.register("users", Users)

urlpatterns = [path("api/", include(router.urls))]
