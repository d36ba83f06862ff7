import tomllib

from seatrial_runtime import bedrock, fallback

with open("models.toml", "rb") as file:
    models = [bedrock(one["id"]) for one in tomllib.load(file)["models"]]
chain = fallback(models)


def again(question: str) -> str:
    return chain.ask(question).text
