"""`python -m bivouac_cli` is `bivouac`."""

import sys

from bivouac_cli.program import main

sys.exit(main())
