import dramatiq


@dramatiq.actor
def mail(to):
    return to
