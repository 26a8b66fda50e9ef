"""The real definitions with the real functions, on a local cloud in this process.

A package, so that all its tests on one worker share one local cloud (see conftest.py).
"""
