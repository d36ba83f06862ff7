"""`python -m seatrial` is the `seatrial` command."""

from seatrial.cli.main import main

main()
