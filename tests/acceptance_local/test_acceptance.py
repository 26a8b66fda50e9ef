"""`make accept-local`: the acceptance suite, as a person runs it, against a new local cloud."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from localcloud.account import ACCOUNT_ID, SUBNET_IDS
from localcloud.cloud import LocalCloud
from localcloud.ecs.tasks import Tasks
from localcloud.stack import TEMPLATE, parameters
from localcloud.timings import TEST

ROOT = TEMPLATE.parent
NEVER_SEEN_HERE: set[str] = set()
"""Beliefs that only AWS can confirm."""
SOMETIMES_SEEN_HERE = {"ecs.interface-precreated", "ecs.inactive-while-stopping"}
"""What lasts only hundredths of a second here."""


def run(template: Path = TEMPLATE, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the suite on a new local cloud, on any free port."""
    with LocalCloud(timings=TEST, port=0) as cloud:
        cloud.deploy(template, parameters(cloud.account), name="tried")
        keys = cloud.credentials.user
        environment = os.environ | {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_REGION": cloud.account.region,
            "AWS_ENDPOINT_URL": cloud.endpoint_url,
            "STACK": "tried",
        }
        environment.pop("AWS_SESSION_TOKEN")
        ran = subprocess.run(
            [sys.executable, "-m", "tests.acceptance", *arguments],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        print(ran.stdout)
        assert cloud.client("ecs").list_clusters()["clusterArns"] == []
        assert cloud.client("servicediscovery").list_namespaces()["Namespaces"] == []
        assert "QueueUrls" not in cloud.client("sqs").list_queues(QueueNamePrefix="bivouac-accept")
        return ran.returncode, ran.stdout


def judged(output: str, verdict: str) -> set[str]:
    return set(re.findall(rf"^{verdict} +([a-z]+\.[a-z-]+)", output, re.MULTILINE))


def test_every_step_ends_well_and_every_belief_is_confirmed(tmp_path: Path) -> None:
    exit_code, output = run(TEMPLATE, "--record", str(tmp_path))

    assert judged(output, "CONTRADICTED") == set()
    assert judged(output, "NOT SEEN") - SOMETIMES_SEEN_HERE == NEVER_SEEN_HERE
    assert exit_code == 0
    assert "FAILED" not in output
    assert "\x1b" not in output
    assert output.endswith("Everything held, and nothing is left.\n")
    saved = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert "ecs-describe-tasks-proxy-attachment-type.json" in saved
    for name, text in saved.items():
        assert json.loads(text)["source"].startswith("make accept on http://127.0.0.1:"), name
        for own in (ACCOUNT_ID, "172.31.", *SUBNET_IDS, "RequestId"):
            assert own not in text, name


def test_an_attachment_of_an_unexpected_type_contradicts_the_belief(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only in DescribeTasks, as in AWS's documentation."""

    def described(self: Tasks, request: dict[str, Any]) -> dict[str, Any]:
        answer = as_believed(self, request)
        for task in answer["tasks"]:
            for attachment in task["attachments"]:
                if attachment["type"] == "ServiceConnect":
                    attachment["type"] = "Service Connect"
        return answer

    as_believed = Tasks.describe
    monkeypatch.setattr(Tasks, "describe", described)

    exit_code, output = run()

    assert judged(output, "CONTRADICTED") == {"ecs.proxy-attachment-type"}
    assert "seen instead: type 'Service Connect'" in output
    assert "Contradicted: ecs.proxy-attachment-type\n" in output
    assert exit_code == 1
    assert "FAILED" not in output, "the code takes both spellings, and the story goes on"


def test_an_unquoted_placeholder_contradicts_the_belief(tmp_path: Path) -> None:
    """CloudFormation substitutes text, and the definition is parsed as YAML afterwards."""
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    shutil.copytree(ROOT / "statemachine", tmp_path / "statemachine")
    template = Path(shutil.copy(TEMPLATE, tmp_path))
    definition = tmp_path / "statemachine" / "create_environment.asl.yaml"
    quoted = 'ALLOW_ECS_EXEC: "${AllowEcsExec}"'
    assert quoted in definition.read_text()
    definition.write_text(definition.read_text().replace(quoted, quoted.replace('"', "")))

    exit_code, output = run(template)

    assert judged(output, "CONTRADICTED") == {"stepfunctions.placeholders"}
    assert "seen instead: {'ALLOW_ECS_EXEC': True}" in output
    assert exit_code == 1
