"""The program behind `make demo`: the local cloud, and the command line on it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "cli"))
