"""Who may do what: the calls of roles are held against the roles' policies.

Calls with the account's own keys (a person's) are not checked. Every decision is kept, so that a
test can say that every call of the application is allowed and every grant of it is used.
"""

from localcloud.iam.guard import Decision, Guard
from localcloud.iam.policy import Grant

__all__ = ["Decision", "Grant", "Guard"]
