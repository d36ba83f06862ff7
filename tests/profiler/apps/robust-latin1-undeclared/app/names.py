NAME = "José"
