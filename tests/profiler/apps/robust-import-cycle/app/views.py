import app
from models import *
