"""How long executions wait, and for what. Pure; all in seconds."""

from __future__ import annotations

ANOTHER_EXECUTION = 5
"""Before checking again whether the execution that holds the environment still runs."""
LAST_ANSWER = 60
"""After a deadline: time for the poller's last poll, which says what is missing."""
LONGEST_CREATE = 6600
"""From the start of a create to its deadline at the latest: its machine times out after 7,200, and
then nothing says why (W13)."""

PATIENCE_SECONDS = 120.0
"""ECS replaces a task within about a minute; a task that stops again meanwhile is a verdict."""
