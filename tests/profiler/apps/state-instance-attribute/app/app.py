from flask import Flask, request

app = Flask(__name__)


class Basket:
    goods = []

    def __init__(self):
        self.goods = []

    def put(self, one):
        self.goods.append(one)


@app.post("/basket")
def fill():
    basket = Basket()
    basket.put(request.json)
    return {"count": len(basket.goods)}
