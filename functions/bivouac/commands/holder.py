"""An execution that takes an environment, in the first step of a create, a deletion or a sleep.

The check of the generation and the AWS call after it are not atomic. So whoever takes over stops
what runs, if it does not wait for it, and then waits for its last function (W13, W18).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.environment.decisions import Take
from bivouac.environment.intents import Verb
from bivouac.environment.record import HELD, Record
from bivouac.json_types import Json
from bivouac.settings import StackSettings
from bivouac.stack import records


def holder(event: Json) -> Holder:
    """The event's execution, which takes an environment of this stack."""
    settle_seconds = StackSettings.from_env().settle_seconds
    return Holder(event["execution"], settle_seconds, records(), clients.stepfunctions())


@dataclass(frozen=True)
class Holder:
    execution: str
    settle_seconds: int
    """After these, no function of a stopped execution runs."""
    records: Records
    stepfunctions: SFNClient

    def another_runs(self, record: Record | None) -> bool:
        """Whether another execution is working on the environment."""
        if record is None or record.status not in HELD or record.execution == self.execution:
            return False
        return executions.is_running(self.stepfunctions, record.execution)

    def take(
        self, taken: Record, before: Record | None, decision: Take, forget: Sequence[str] = ()
    ) -> Record:
        """The record, as taken. Raises NotYetConsistentError if another execution came first."""
        self.records.take(taken, before, forget)
        if decision.stop:
            became = "deleted" if taken.verb is Verb.DELETE else "superseded"
            executions.stop(self.stepfunctions, decision.stop, f"{became} by {self.execution}")
        return taken

    def settling(self, record: Record, answer: Json) -> Json:
        """The answer of a step that holds the record, after which the next one may have to wait."""
        if not record.settle:
            return answer
        return {**answer, "status": "SETTLE", "waitSeconds": self.settle_seconds}
