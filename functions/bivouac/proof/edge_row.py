"""How many right answers in a row prove an endpoint or an edge. Pure.

Of the probes, and of the program that proof clients run with nothing but Python's standard library.
The first answers of a new proxy may fail (P07, H23), so what fails before the first right answer
does not count. A failure after a right answer is another matter: the application, or one of its
processes, fails now and then, and its callers may not see it because their proxies try again. Each
doubles the row, up to four times its length.
"""

from __future__ import annotations

IN_A_ROW = 8
"""A server that fails at random, every second time, gives so many in less than 1 % of all tries."""
OF_CONNECTIONS = 3
"""Of TCP, where each takes a second."""


class Row:
    def __init__(self, needed: int) -> None:
        self.needed, self.most = needed, 4 * needed
        self.right = self.failures = self.asked = 0

    def add(self, good: bool) -> bool:
        """Whether it is long enough with this answer. `asked` counts from the first right one."""
        self.asked += good or self.asked > 0
        if good:
            self.right += 1
        elif self.right:
            self.right, self.needed = 0, min(2 * self.needed, self.most)
            self.failures += 1
        return self.right >= self.needed
