"""Whether a READY environment is still healthy."""
