"""Whether what is READY still is."""
