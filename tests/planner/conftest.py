"""Lets tests of the planner import what they share (`planner_cases`)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
