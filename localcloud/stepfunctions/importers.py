"""Which of the interpreter's modules have imported a function."""

from __future__ import annotations

import sys
from types import ModuleType


def importers(name: str) -> list[ModuleType]:
    """The interpreter's modules that have imported this function."""
    loaded = [module for module in sys.modules if module.startswith("moto.stepfunctions.")]
    return [sys.modules[module] for module in loaded if name in vars(sys.modules[module])]
