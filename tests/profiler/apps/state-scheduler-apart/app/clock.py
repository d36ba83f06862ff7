from apscheduler.schedulers.blocking import BlockingScheduler

scheduler = BlockingScheduler()


@scheduler.scheduled_job("interval", hours=1)
def send_reminders():
    print("reminded")


if __name__ == "__main__":
    scheduler.start()
