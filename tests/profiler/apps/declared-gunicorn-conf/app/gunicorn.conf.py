import os

wsgi_app = "shop:app"
bind = f"0.0.0.0:{os.environ.get('PORT', '8090')}"
