"""Deletion, from its first step to its receipt."""
