"""Checks and plans a request before anything is created."""
