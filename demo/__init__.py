"""What `make demo` runs and shows."""

import sys
from pathlib import Path

# Lambda's root of imports: the view reads the record as the functions wrote it.
sys.path.append(str(Path(__file__).parents[1] / "functions"))
