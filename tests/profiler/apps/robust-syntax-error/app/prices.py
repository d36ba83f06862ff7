import json

<<<<<<< HEAD
A = 1
=======
A = 2
>>>>>>> main
