"""The program as somebody runs it: its words in, its lines and exit code out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from bivouac_cli.program import main
from bivouac_cli.rights import RIGHTS
from localcloud.credentials import Keys
from tests.workflow.application import Application


@dataclass(frozen=True)
class Ran:
    exit_code: int
    answer: str
    """The standard output."""
    notes: str
    """The standard error."""

    @property
    def json(self) -> Any:
        return json.loads(self.answer)


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> Ran:
    capsys.readouterr()
    try:
        exit_code = main(words)
    except SystemExit as ended:  # argparse ends so
        exit_code = int(str(ended.code))
    told = capsys.readouterr()
    return Ran(exit_code, told.out, told.err)


@dataclass
class Terminal:
    """Of somebody who may call what `bivouac_cli.rights` says of each command, and nothing else."""

    app: Application
    capsys: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    _keys: dict[str, Keys] = field(default_factory=dict)

    def __call__(self, command: str, *words: str) -> Ran:
        self.use(self._keys_for(command))
        return ran(self.capsys, command, *words)

    def use(self, keys: Keys) -> None:
        self.patch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        self.patch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        self.patch.setenv("AWS_DEFAULT_REGION", self.app.cloud.account.region)
        self.patch.setenv("AWS_ENDPOINT_URL", self.app.cloud.endpoint_url)

    def _keys_for(self, command: str) -> Keys:
        if command not in self._keys:
            self._keys[command] = self.keys_with(f"may-{command}", RIGHTS[command])
        return self._keys[command]

    def keys_with(self, role: str, actions: frozenset[str]) -> Keys:
        iam = self.app.client("iam")
        try:
            arn = iam.get_role(RoleName=role)["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role, PolicyName="rights", PolicyDocument=policy)
        return self.app.cloud.credentials.of_role(arn)
