"""Parses the inputs of executions and the events that request something."""
