from config import huey


@huey.task()
def mail(to):
    return to
