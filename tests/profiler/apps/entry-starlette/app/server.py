from starlette.applications import Starlette
from starlette.routing import Route


async def home(request): ...


app = Starlette(routes=[Route("/", home)])
