URL = "sqlite:///other.db"
