"""A program of its own that works until it is told to stop."""

import signal
import sys
import time

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
print("plain begins", *sys.argv[1:], flush=True)
if sys.argv[1:] == ["fail"]:
    sys.exit("no queue")
while not stop:
    time.sleep(0.05)
print("plain ends")
