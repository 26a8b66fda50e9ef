"""The program as a person runs it: arguments in, lines and exit code out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bivouac_cli.program import main
from bivouac_cli.rights import JOBS
from localcloud.credentials import Keys
from tests.workflow.application import Application


@dataclass(frozen=True)
class Finished:
    exit_code: int
    answer: str
    """The standard output."""
    notes: str
    """The standard error."""

    @property
    def json(self) -> Any:
        return json.loads(self.answer)


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> Finished:
    capsys.readouterr()
    try:
        exit_code = main(words)
    except SystemExit as ended:  # argparse exits this way
        exit_code = int(str(ended.code))
    printed = capsys.readouterr()
    return Finished(exit_code, printed.out, printed.err)


@dataclass
class Terminal:
    """The terminal of people with only the stack's managed policies.

    Each command is run with each policy that is for it, in turn."""

    app: Application
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    _turns: dict[str, Iterator[str]] = field(default_factory=dict)

    def __call__(self, command: str, *words: str) -> Finished:
        jobs = [job for job, commands in JOBS.items() if command in commands]
        turns = self._turns.setdefault(command, itertools.cycle(jobs))
        return self.of(next(turns), command, *words)

    def of(self, job: str, *words: str) -> Finished:
        """Run with this policy."""
        policy = self.app.stack.outputs[f"{job}PolicyArn"]
        role = self._role(job)
        self.app.client("iam").attach_role_policy(
            RoleName=role.rpartition("/")[2], PolicyArn=policy
        )
        self.use(self.app.cloud.credentials.of_role(role))
        return ran(self.capsys, *words)

    def use(self, keys: Keys) -> None:
        self.patch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        self.patch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        self.patch.setenv("AWS_DEFAULT_REGION", self.app.cloud.account.region)
        self.patch.setenv("AWS_ENDPOINT_URL", self.app.cloud.endpoint_url)

    def _role(self, name: str) -> str:
        iam = self.app.client("iam")
        try:
            role = iam.get_role(RoleName=name)["Role"]
        except iam.exceptions.NoSuchEntityException:
            role = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
        return str(role["Arn"])

    def keys_with(self, role: str, actions: frozenset[str]) -> Keys:
        arn = self._role(role)
        statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.app.client("iam").put_role_policy(
            RoleName=role, PolicyName="rights", PolicyDocument=policy
        )
        return self.app.cloud.credentials.of_role(arn)
