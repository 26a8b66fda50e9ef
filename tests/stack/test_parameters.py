"""The stack with parameters at their defaults, all of them set, and at their limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bivouac.settings import RequestSettings
from localcloud.account import SECURITY_GROUP_ID
from localcloud.cloud import LocalCloud
from localcloud.stack import TEMPLATE
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true
from tests.requests import environment

pytestmark = pytest.mark.xdist_group("workflow-trouble")

ROLE = "arn:aws:iam::123456789012:role"
GIVEN: dict[str, dict[str, str]] = {
    "defaults": {},
    "all set": {
        "NamePrefix": "team",
        "TaskSecurityGroupId": SECURITY_GROUP_ID,
        "AssignPublicIp": "DISABLED",
        "AllowedTaskRoleArns": f"{ROLE}/app, {ROLE}/path/other",
        "AllowedExecutionRoleArns": f"{ROLE}/run",
        "ProofImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/python:3.13@sha256:0a1b",
        "AllowEcsExec": "true",
        "DefaultLease": "90m",
        "MaximumLease": "14d",
        "LogRetentionDays": "30",
        "NamespaceQuota": "100",
    },
    "limits": {
        "NamePrefix": "a" * 20,
        "AllowedTaskRoleArns": ",".join(f"{ROLE}/{'r' * 60}{number:04}" for number in range(40)),
        # What YAML would take for a number, for eight times five, and for one
        "ProofImage": "1.10",
        "DefaultLease": "1m",
        "MaximumLease": "99999d",
        "LogRetentionDays": "1",
        "NamespaceQuota": "0050",
    },
}
READ: dict[str, dict[str, Any]] = {
    "defaults": {
        "task_role_arns": (),
        "assign_public_ip": "ENABLED",
        "allow_ecs_exec": False,
        "namespace_quota": 50,
        "default_lease_seconds": 8 * 3600,
        "maximum_lease_seconds": 7 * 86400,
        "proof_image": "public.ecr.aws/docker/library/python:3.13-alpine",
    },
    "all set": {
        "name_prefix": "team",
        "task_security_group_id": SECURITY_GROUP_ID,
        "assign_public_ip": "DISABLED",
        "task_role_arns": (f"{ROLE}/app", f"{ROLE}/path/other"),
        "allow_ecs_exec": True,
        "namespace_quota": 100,
        "default_lease_seconds": 90 * 60,
        "maximum_lease_seconds": 14 * 86400,
        "proof_image": GIVEN["all set"]["ProofImage"],
    },
    "limits": {
        "task_role_arns": tuple(GIVEN["limits"]["AllowedTaskRoleArns"].split(",")),
        "namespace_quota": 50,
        "default_lease_seconds": 60,
        "maximum_lease_seconds": 99999 * 86400,
        "proof_image": "1.10",
    },
}
"""By the parameters' own descriptions in template.yaml."""


@pytest.mark.parametrize("case", GIVEN)
def test_the_stack_works_with_these_parameters(case: str) -> None:
    """What the definition hands to Check request is what was given; and it checks a request."""
    given = GIVEN[case]
    with LocalCloud(TEST, runtime="scripted", port=0) as cloud:
        network = {
            "VpcId": cloud.account.vpc_id,
            "SubnetIds": ",".join(cloud.account.subnet_ids),
        }
        stack = cloud.deploy(TEMPLATE, {**network, **given})
        sfn = cloud.client("stepfunctions")
        machine = stack.outputs["CreateEnvironmentStateMachineArn"]
        definition = json.loads(sfn.describe_state_machine(stateMachineArn=machine)["definition"])
        settings = definition["States"]["Check request"]["Parameters"]["settings"]
        assert {type(value) for value in settings.values()} == {str}
        prefix = given.get("NamePrefix", "bivouac")
        read = RequestSettings.from_env(
            {"NAME_PREFIX": prefix, "AWS_REGION": cloud.account.region, **settings}
        )
        assert {name: getattr(read, name) for name in READ[case]} == READ[case]
        assert read.subnet_ids == cloud.account.subnet_ids
        branches = definition["States"]["Create what the services need"]["Branches"]
        (groups,) = [b["States"] for b in branches if b["StartAt"] == "Create log groups"]
        days = groups["Create log groups"]["Parameters"]["retentionDays"]
        assert days == given.get("LogRetentionDays", "14")

        request = environment(dryRun=True, **({"lease": {"ttl": "1m"}} if case == "limits" else {}))
        execution = sfn.start_execution(stateMachineArn=machine, input=json.dumps(request))
        arn = execution["executionArn"]
        until_true(lambda: sfn.describe_execution(executionArn=arn)["status"] != "RUNNING", 60)
        described = sfn.describe_execution(executionArn=arn)
        assert described["status"] == "SUCCEEDED", described.get("cause")
        assert json.loads(described["output"])["stack"] == prefix
