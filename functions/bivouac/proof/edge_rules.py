"""What proves an endpoint or an edge, or ends the asking. Pure.

Of the probes, and of the program that proof clients run with nothing but Python's standard library:
the program's exit codes, and how many right answers in a row prove something. The first answers of
a new proxy may fail (P07, H23), so what fails before the first right answer does not count. A
failure after a right answer is another matter: the application, or one of its processes, fails now
and then, and its callers may not see it because their proxies try again. Each doubles the row, up
to four times its length.
"""

from __future__ import annotations

PROVEN, NO_NAME, NO_CONNECTION, WRONG_STATUS, NO_ANSWER = 0, 10, 11, 12, 13
"""Exit codes. Clients of an earlier version may still run, so none changes its meaning."""
ATTEMPT_SECONDS = 3.0
TCP_OPEN_SECONDS = 1.0
"""A TCP connection to a task's own proxy that stays open this long passes: the proxy closes it if
the app is dead, and at once, because the app is in the same task."""
PROXIED_OPEN_SECONDS = 6.0
"""The same from inside the mesh. The caller's proxy accepts every connection, and closes it when
its own to the server fails: if packets are dropped, after Envoy's connect time-out of 5 s (the
default of Cluster.connect_timeout; Service Connect publishes no other figure)."""
AT_ONCE_SECONDS = 1.0
"""What is closed within this was refused. What is dropped takes longer to fail."""
SETTLED_SECONDS = 10.0
"""An application that has given the same wrong answer for so long has started, and means it."""
NOT_YET = (429, 502, 503, 504)
"""What applications and their gateways answer while they start (RFC 9110, RFC 6585)."""
IN_A_ROW = 8
"""A server that fails at random, every second time, gives so many in less than 1 % of all tries."""
OF_CONNECTIONS = 3
"""Of TCP, where each takes seconds."""


class Row:
    def __init__(self, needed: int) -> None:
        self.needed, self.most = needed, 4 * needed
        self.right = self.failures = self.asked = 0
        self.meant, self.since = "", 0.0

    def add(self, good: bool) -> bool:
        """Whether it is long enough with this answer. `asked` counts from the first right one."""
        self.asked += good or self.asked > 0
        if good:
            self.right += 1
        elif self.right:
            self.right, self.needed = 0, min(2 * self.needed, self.most)
            self.failures += 1
        return self.right >= self.needed

    def settled(self, meant: str, now: float) -> bool:
        """Whether the application has meant this wrong answer for long enough; empty: it may still
        be starting."""
        if meant != self.meant:
            self.meant, self.since = meant, now
        return bool(meant) and now - self.since >= SETTLED_SECONDS
