"""Measurements, run by `make bench`. Every figure is measured in the run that prints it."""

import sys
from pathlib import Path

# Lambda's root of imports: some measurements call what the functions are made of.
sys.path.append(str(Path(__file__).parents[1] / "functions"))
