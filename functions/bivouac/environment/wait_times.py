"""How long executions wait, and how long for. Pure; all seconds."""

ANOTHER_EXECUTION = 5
"""Until it is seen whether the execution that holds the environment is still at work."""
LAST_ANSWER = 60
"""After a deadline: whoever waits then looks once more, and says what is missing."""
LONGEST_CREATE = 6600
"""From the start of a create until its deadline at the latest: its machine gives up after 7,200,
and then nobody says why (W13)."""

PATIENCE_SECONDS = 120.0
"""ECS replaces a task within about a minute; a task that ends again meanwhile is a verdict."""
