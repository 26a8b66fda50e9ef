"""An environment's record, blueprint, names and lease."""
