"""What the code compares with what CloudFormation says, each literal with its source. Pure.

Documented: CloudFormation's guide, "Custom resource request objects", and its API, Stack.
"""

from __future__ import annotations

CREATE, UPDATE, DELETE = "Create", "Update", "Delete"
"""RequestType of what a custom resource is asked."""

ROLLS_BACK = "UPDATE_ROLLBACK_IN_PROGRESS"
"""StackStatus: an update has failed, and everything becomes as it was."""
