from views import *
import models
