"""Services and the edges between them, as people see them while an environment is made."""

import sys
from pathlib import Path

# Lambda's root of imports: the view reads the record as the functions wrote it.
_FUNCTIONS = str(Path(__file__).parents[2] / "functions")
if _FUNCTIONS not in sys.path:
    sys.path.append(_FUNCTIONS)
