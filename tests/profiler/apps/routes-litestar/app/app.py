from litestar import Controller, Litestar, Router, get, post


@get("/")
async def index() -> str:
    return "ok"


class Users(Controller):
    path = "/users"

    @get()
    async def listed(self) -> list[int]:
        return []

    @post("/{user_id:int}")
    async def change(self, user_id: int) -> None: ...


app = Litestar([index, Router(path="/api", route_handlers=[Users])])
