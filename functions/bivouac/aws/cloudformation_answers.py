"""What the code compares with CloudFormation's requests and answers. Pure.

Documented: CloudFormation's guide, "Custom resource request objects", and its API, Stack.
"""

from __future__ import annotations

CREATE, UPDATE, DELETE = "Create", "Update", "Delete"
"""RequestType of a custom resource's request."""

ROLLS_BACK = "UPDATE_ROLLBACK_IN_PROGRESS"
"""StackStatus: an update has failed and is being rolled back."""
