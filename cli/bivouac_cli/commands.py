"""The commands: each starts one execution or asks one question, and shows the answer."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from bivouac_cli.ending import CommandError, Exit, exit_of
from bivouac_cli.logs import Line, lines
from bivouac_cli.request_file import request_of
from bivouac_cli.rights import MACHINES
from bivouac_cli.screen import Screen
from bivouac_cli.shell import run, shell_words
from bivouac_cli.stack import Execution, Json, Stack
from bivouac_cli.waiting import GOING_DOWN, Wait

WATCH_PAUSE = 5.0
FOLLOW_PAUSE = 2.0
COMES_WITHIN = 60.0
"""Seconds, for a line on its way to CloudWatch."""
_PASSING = {"observedAt", "secondsLeft"}
_READY = "READY"


def _lasting(status: Json) -> Json:
    """Without what differs at every poll."""
    return {name: value for name, value in status.items() if name not in _PASSING}


def _named(services: Json, environment: str, service: str) -> Json:
    if service not in services:
        known = ", ".join(services)
        raise CommandError(
            Exit.NOT_FOUND, f"{environment} has no service {service}; it has {known}"
        )
    found: Json = services[service]
    return found


class Commands:
    """By the name on the command line."""

    def __init__(self, given: argparse.Namespace, stack: Stack, screen: Screen) -> None:
        self._given = given
        self._stack = stack
        self._screen = screen

    def __call__(self) -> Exit:
        command: Callable[[], Exit] = getattr(self, self._given.command)
        return command()

    # --- what there is ---------------------------------------------------------------------------

    def ls(self) -> Exit:
        given = {
            "owner": self._given.owner,
            "status": self._given.status,
            "pullRequest": self._given.pull_request,
        }
        filters = {name: value for name, value in given.items() if value is not None}
        self._screen.environments(list(self._stack.pages(filters)))
        return Exit.DONE

    def get(self) -> Exit:
        shown = self._stack.describe(self._given.name)
        self._screen.status(shown)
        with suppress(KeyboardInterrupt):
            while self._given.watch:
                time.sleep(WATCH_PAUSE)
                found = self._stack.describe(self._given.name)
                if _lasting(found) != _lasting(shown):
                    self._screen.status(found)
                shown = found
        return Exit.DONE

    def receipt(self) -> Exit:
        found = self._stack.describe(self._given.name)
        if found["receipt"] is None:
            raise CommandError(
                Exit.NOT_FOUND, f"{found['name']} has no receipt: it is {found['status']}"
            )
        self._screen.receipt(found["receipt"])
        return Exit.DONE

    def comment(self) -> Exit:
        self._screen.comment(self._stack.describe(self._given.name))
        return Exit.DONE

    def wait(self) -> Exit:
        wanted = self._given.wanted
        waiting = self._wait(self._given.name, f"bivouac wait {self._given.name} --for {wanted}")
        return {"ready": self._ready, "deleted": self._deleted, "asleep": self._asleep}[wanted](
            waiting
        )

    def _ready(self, waiting: Wait) -> Exit:
        found = waiting.until(lambda found: found["status"] not in ("CREATING", "WAKING"))
        if found["status"] == _READY:
            self._screen.status(found)
            return Exit.DONE
        if found["diagnosis"]:
            diagnosis = found["diagnosis"]
            return self._failed(diagnosis["error"], diagnosis["cause"], waiting.before(found))
        self._screen.status(found)
        return Exit.SUPERSEDED

    def _deleted(self, waiting: Wait) -> Exit:
        found = waiting.until(lambda found: found["status"] in ("DELETED", "NOT_DELETED"))
        self._screen.receipt(found["receipt"])
        return Exit.DONE if found["status"] == "DELETED" else Exit.FAILED

    def _asleep(self, waiting: Wait) -> Exit:
        found = waiting.until(lambda found: found["status"] in ("ASLEEP", "FAILED", *GOING_DOWN))
        self._screen.status(found)
        if found["status"] == "ASLEEP":
            return Exit.DONE
        return Exit.FAILED if found["status"] == "FAILED" else Exit.SUPERSEDED

    def logs(self) -> Exit:
        groups = self._log_groups(self._given.name, self._given.service)
        since = int((time.time() - self._given.since) * 1000)
        shown: set[Line] = set()
        with suppress(KeyboardInterrupt):
            while True:
                for line in sorted(set(self._lines(groups, since)) - shown):
                    self._screen.line(line)
                    shown.add(line)
                if not self._given.follow:
                    break
                # CloudWatch may get a line after one that was written later
                since = max(since, int((time.time() - COMES_WITHIN) * 1000))
                shown = {line for line in shown if line.at >= since}
                time.sleep(FOLLOW_PAUSE)
        return Exit.DONE

    def _lines(self, groups: Json, since: int) -> Iterator[Line]:
        given = self._given
        for service, group in groups.items():
            events = self._stack.log_events(group, since)
            yield from lines(service, events, given.container, proxy=given.proxy)

    def _log_groups(self, name: str, service: str | None) -> Json:
        """By service. Raises CommandError if there is none."""
        services = {each["name"]: each for each in self._stack.describe(name)["services"]}
        if service is not None:
            services = {service: _named(services, name, service)}
        groups = {each["name"]: each["logGroup"] for each in services.values() if each["logGroup"]}
        if not groups:
            raise CommandError(
                Exit.NOT_FOUND, f"{name}: its containers log where their own definitions say"
            )
        return groups

    def exec(self) -> Exit:
        given = self._given
        found = self._stack.describe(given.name)
        _named({each["name"]: each for each in found["services"]}, given.name, given.service)
        tasks = self._stack.running_tasks(found["cluster"], given.service)
        if not tasks:
            raise CommandError(Exit.NOT_FOUND, f"no task of {given.service} runs")
        words = shell_words(found["cluster"], tasks[0], given)
        self._screen.note(shlex.join(words))
        return run(words)

    # --- what is to be done ----------------------------------------------------------------------

    def up(self) -> Exit:
        request = request_of(self._given.file, self._given.name, self._given.ttl)
        if self._given.dry_run:
            request["dryRun"] = True
        return self._started(request, request["name"], "ready")

    def redeploy(self) -> Exit:
        content = {"environment": self._given.name, "services": self._given.images}
        return self._started(content, self._given.name, "ready")

    def rollback(self) -> Exit:
        content = {"rollBack": {"environment": self._given.name}}
        return self._started(content, self._given.name, "ready")

    def wake(self) -> Exit:
        content = {"environment": self._given.name}
        return self._started(content, self._given.name, "ready")

    def sleep(self) -> Exit:
        content = {"environment": self._given.name}
        return self._started(content, self._given.name, "asleep")

    def down(self) -> Exit:
        content = {"environment": self._given.name, "reason": "bivouac down"}
        return self._started(content, self._given.name, "deleted")

    def extend(self) -> Exit:
        name = self._given.name
        longer = {"keep": True} if self._given.keep else {"ttl": self._given.ttl}
        arn = self._start({"environment": name, **longer}, name)
        over = self._wait(name, f"bivouac get {name}").until_over(arn)
        if over.status != "SUCCEEDED":
            return self._failed(over.error, over.cause)
        if over.output["because"]:
            self._screen.note(f"Nothing was changed: {over.output['because']}")
        self._screen.status(self._stack.describe(name))
        return Exit.DONE

    # --- what they have in common ----------------------------------------------------------------

    def _wait(self, name: str, come_back: str) -> Wait:
        return Wait(self._stack, self._screen, name, self._given.timeout, come_back)

    def _start(self, content: Any, name: str) -> str:
        command = self._given.command
        return self._stack.start(MACHINES[command], content, f"{name}-{command}")

    def _started(self, content: Any, name: str, wanted: str) -> Exit:
        come_back = f"bivouac wait {name}" + ("" if wanted == "ready" else f" --for {wanted}")
        arn = self._start(content, name)
        waiting = self._wait(name, come_back)
        if not self._given.no_wait:
            return self._concluded(waiting, waiting.until_over(arn))
        begun = self._begun(waiting, arn)
        if begun.is_over:
            return self._concluded(waiting, begun)
        self._screen.note(f"{name} is under way. Wait for it: {come_back}")
        return Exit.DONE

    def _begun(self, waiting: Wait, arn: str) -> Execution:
        """A create is polled until it has the environment: then it was not refused, and `bivouac
        wait` finds it. The other commands' work continues inside another execution."""
        if self._given.command == "up":
            return waiting.until_taken(arn)
        return self._stack.execution(arn)

    def _concluded(self, waiting: Wait, over: Execution) -> Exit:
        if over.status != "SUCCEEDED":
            error = over.error or over.status
            reached = exit_of(error) is Exit.FAILED
            seen = waiting.before(self._stack.find(waiting.name)) if reached else None
            return self._failed(error, over.cause, seen)
        output: Json = over.output
        match output["outcome"]:
            case "NOTHING_THERE":
                raise CommandError(Exit.NOT_FOUND, output["because"])
            case "OUTDATED":
                raise CommandError(Exit.SUPERSEDED, f"Nothing was done: {output['because']}")
            case "PLANNED":
                self._screen.plan(output)
            case _ if receipt := output.get("receipt"):
                self._screen.receipt(receipt)
            case _:
                if proof := output.get("proof"):
                    self._screen.proof(proof)
                self._screen.status(self._stack.describe(waiting.name))
        return Exit.DONE

    def _failed(self, error: str, cause: str, seen: Json | None = None) -> Exit:
        """`seen`: the environment that failed."""
        self._screen.failure(error, cause, seen)
        return exit_of(error)
