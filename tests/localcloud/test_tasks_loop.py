"""The loop of a task's sandbox."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from localcloud.tasks.sandbox.loop import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """It takes the process's SIGCHLD for itself."""
    before = signal.getsignal(signal.SIGCHLD)
    yield Loop()
    signal.signal(signal.SIGCHLD, before)
    signal.set_wakeup_fd(-1)


def test_a_descriptor_that_is_used_again_at_once_belongs_to_its_new_watcher(loop: Loop) -> None:
    """A container may start in the moment in which another one ends, and gets the descriptor of its
    output: a line of the new one is none of the old one's."""
    ends, ended = os.pipe()
    output, prints = os.pipe()
    heard: list[str] = []

    def hear(watcher: str) -> None:
        heard.append(watcher)
        loop.stop()

    def end_and_start() -> None:
        loop.watch(ends)
        loop.watch(output)
        again, writing = os.pipe()
        os.dup2(again, output)
        os.write(writing, b"a line of the new one")
        loop.watch(output, read=lambda: hear("new"))

    loop.watch(ends, read=end_and_start)
    loop.watch(output, read=lambda: hear("old"))
    os.close(ended)
    os.close(prints)
    loop.run()
    assert heard == ["new"]
