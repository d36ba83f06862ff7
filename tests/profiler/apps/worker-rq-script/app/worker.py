from redis import Redis
from rq import Queue, Worker

if __name__ == "__main__":
    Worker([Queue("default", connection=Redis())], connection=Redis()).work()
