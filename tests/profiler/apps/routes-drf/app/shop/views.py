from rest_framework import viewsets
from rest_framework.decorators import action


class Users(viewsets.ReadOnlyModelViewSet):
    @action(detail=True, methods=["post"])
    def ban(self, request, pk=None):
        return None
