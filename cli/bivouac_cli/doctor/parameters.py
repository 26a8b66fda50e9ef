"""Whether what the stack's parameters name exists and fits. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from bivouac_cli.doctor.finding import Finding, ng, ok
from bivouac_cli.durations import seconds_of

_TASKS = "ecs-tasks.amazonaws.com"


def role_finding(parameter: str, arn: str, role: Mapping[str, Any] | None) -> Finding:
    """Of a role that requests may name; `role` as IAM describes it, None if it does not exist."""
    name = arn.rpartition("/")[2]
    if role is None:
        return ng(parameter, f"there is no role {arn}", f"make deploy SET={parameter}=")
    document = role["AssumeRolePolicyDocument"]
    if isinstance(document, str):  # as the API has it; botocore decodes it
        document = json.loads(unquote(document))
    if _TASKS not in json.dumps(document):
        admitted = {
            "Effect": "Allow",
            "Principal": {"Service": _TASKS},
            "Action": "sts:AssumeRole",
        }
        others = document.get("Statement", [])
        statements = [*(others if isinstance(others, list) else [others]), admitted]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return ng(
            parameter,
            f"tasks cannot have {name}: {_TASKS} may not assume it",
            f"aws iam update-assume-role-policy --role-name {name} --policy-document '{policy}'",
        )
    return ok(parameter, f"tasks can have {name}")


def group_finding(
    group: str, described: Mapping[str, Any] | None, vpc: str, probe: str | None, region: str
) -> Finding:
    """Of a security group of one's own. `probe`: the stack's, which it must admit; None before it
    exists."""
    check = "TaskSecurityGroupId"
    if described is None or described["VpcId"] != vpc:
        why = f"there is no {group}" if described is None else f"{group} is in another VPC"
        return ng(check, f"{why}; VpcId is {vpc}", "make deploy SET=TaskSecurityGroupId=")
    rules = described.get("IpPermissions", ())
    admits = any(
        pair.get("GroupId") == probe for rule in rules for pair in rule.get("UserIdGroupPairs", ())
    ) or any(rule.get("IpRanges") for rule in rules)
    if probe is not None and not admits:
        return ng(
            check,
            f"{group} does not admit {probe}, from which Bivouac proves endpoints",
            f"aws ec2 authorize-security-group-ingress --region {region} --group-id {group} "
            f"--protocol tcp --port 0-65535 --source-group {probe}",
        )
    return ok(check, f"{group} is in {vpc}" + (f" and admits {probe}" if probe else ""))


def lease_finding(parameters: Mapping[str, str]) -> Finding:
    default, maximum = parameters["DefaultLease"], parameters["MaximumLease"]
    if seconds_of(default) > seconds_of(maximum):
        return ng(
            "DefaultLease",
            f"{default} is longer than MaximumLease, {maximum}: a request without a lease is "
            "refused",
            f"make deploy SET=DefaultLease={maximum}",
        )
    return ok("DefaultLease", f"{default}, at most {maximum}")


def boundary_finding(arn: str, policy: Mapping[str, Any] | None) -> Finding:
    check = "PermissionsBoundaryArn"
    if policy is None:
        return ng(check, f"there is no policy {arn}", f"make deploy SET={check}=")
    return ok(check, arn)


def alarm_finding(topic: str, attributes: Mapping[str, str] | None, region: str) -> Finding:
    """`topic`: AlarmTopicArn; `attributes` as SNS returns them, None if there is no such topic."""
    if not topic or attributes is None:
        why = f"there is no {topic}" if topic else "no topic"
        return ng(
            "alarms",
            f"{why}: nobody is told when a deletion or the sweep fails",
            f"aws sns create-topic --region {region} --name bivouac-alarms\n"
            "make deploy SET=AlarmTopicArn=ARN",
        )
    if attributes.get("SubscriptionsConfirmed") == "0":
        return ng(
            "alarms",
            f"nobody has a confirmed subscription to {topic}",
            f"aws sns subscribe --region {region} --topic-arn {topic} --protocol email "
            "--notification-endpoint ADDRESS",
        )
    return ok("alarms", topic)
