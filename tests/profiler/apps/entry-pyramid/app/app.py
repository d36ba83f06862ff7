from pyramid.config import Configurator

config = Configurator()
config.add_route("home", "/")
app = config.make_wsgi_app()
