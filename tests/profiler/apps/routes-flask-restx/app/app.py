from flask import Blueprint, Flask
from flask_restx import Api, Namespace, Resource

bp = Blueprint("api", __name__, url_prefix="/api")
api = Api(bp)
users = Namespace("users")
api.add_namespace(users)
tasks = api.namespace("tasks", path="/todo")


@users.route("/", "/all")
class Users(Resource):
    def get(self):
        return []

    def post(self):
        return {}


@tasks.route("/<int:task_id>")
class Task(Resource):
    def delete(self, task_id):
        return {}


app = Flask(__name__)
app.register_blueprint(bp)
