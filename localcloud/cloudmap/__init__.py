"""Strict AWS Cloud Map: what AWS refuses is refused, what takes time takes time."""
