"""Measurements, run by `make bench`. Every figure is measured in the run that prints it."""

import sys
from pathlib import Path

# The functions' import root in Lambda: some measurements import their modules.
sys.path.append(str(Path(__file__).parents[1] / "functions"))
