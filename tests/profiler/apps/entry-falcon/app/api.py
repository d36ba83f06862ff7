import falcon


class Things:
    def on_get(self, req, resp):
        resp.media = []


app = falcon.App()
app.add_route("/things", Things())
