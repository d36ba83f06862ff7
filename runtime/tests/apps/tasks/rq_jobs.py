import os
import time


def hold(gate, mark):
    with open(mark, "a") as file:
        file.write("begin\n")
    while not os.path.exists(gate):
        time.sleep(0.02)
    with open(mark, "a") as file:
        file.write("end\n")
