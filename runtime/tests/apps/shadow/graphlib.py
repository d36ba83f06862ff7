NAME = "the graphlib of the app"
