from arq import cron


async def mail(ctx, to):
    return to


class WorkerSettings:
    functions = [mail]
    cron_jobs = [cron(mail, hour=3)]
