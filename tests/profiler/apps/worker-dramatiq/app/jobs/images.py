import dramatiq


@dramatiq.actor(queue_name="images")
def shrink(path):
    return path
