"""Strict AWS Cloud Map: it refuses what AWS refuses, and its operations take time."""
