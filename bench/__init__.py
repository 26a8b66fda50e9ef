"""Measurements, run by `make bench`. Every figure is measured in the run that prints it."""
