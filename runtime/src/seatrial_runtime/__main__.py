"""`python -m seatrial_runtime` is the same command as `seatrial-run`."""

import sys

from seatrial_runtime.cli import main

if __name__ == "__main__":
    sys.exit(main())
