import os
import time


def nap(seconds, mark):
    print("nap begins", mark, flush=True)
    with open(mark, "a") as file:
        file.write(f"begin {os.getpid()}\n")
    time.sleep(seconds)
    with open(mark, "a") as file:
        file.write("end\n")
