"""Deletion, step by step, up to its receipt."""
