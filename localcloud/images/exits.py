"""A container that fails: prints why and exits with the code that it is given."""

from __future__ import annotations

import sys

code = int(sys.argv[1])
print(f"bivouac/exits: this image always exits with code {code}", flush=True)
sys.exit(code)
