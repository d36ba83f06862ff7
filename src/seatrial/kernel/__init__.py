"""The nouns of Seatrial as frozen values: no I/O, no clock, no chance."""
