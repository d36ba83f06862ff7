# no flask here, only flask_like
import json

print(json.dumps({"flask": "Flask(app)"}))
