"""What if: relaxations, scenarios, phases, years, savings, flips and break-even of a decision."""

from seatrial.planner.whatif.answers import WhatIf, whatif

__all__ = ["WhatIf", "whatif"]
