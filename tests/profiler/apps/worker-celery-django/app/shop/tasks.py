from celery import shared_task


@shared_task
def mail(to):
    return to
