"""How long to wait before looking again, where nothing tells of a change. Pure; all seconds."""

ANOTHER_EXECUTION = 5
"""Until it is seen whether the execution that holds the environment is still at work."""
