import redis

r = redis.Redis()
URL = "postgresql://test@localhost/test"
