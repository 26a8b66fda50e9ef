"""Who may do what: every call of a role is checked against the role's policies.

Calls with the account's own keys (a person's) are not checked. Every decision is kept, so that a
test can show that every call of the application is allowed and every grant is used.
"""

from localcloud.iam.guard import Decision, Guard
from localcloud.iam.policy import Grant

__all__ = ["Decision", "Grant", "Guard"]
