import time

import schedule

schedule.every().day.do(print)

if __name__ == "__main__":
    while True:
        schedule.run_pending()
        time.sleep(1)
