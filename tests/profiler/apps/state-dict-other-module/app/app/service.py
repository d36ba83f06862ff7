from . import store


class JobService:
    def submit(self, job):
        store.jobs.append(job)


service = JobService()
