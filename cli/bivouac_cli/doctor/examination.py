"""The checks in the most helpful order, each with what it reads from AWS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from bivouac_cli import __version__
from bivouac_cli.doctor import network, people, quotas, stacks
from bivouac_cli.doctor.account import Account
from bivouac_cli.doctor.finding import Finding, Verdict, ng, ok, skipped
from bivouac_cli.doctor.parameters import (
    alarm_finding,
    boundary_finding,
    group_finding,
    lease_finding,
    role_finding,
)
from bivouac_cli.ending import CommandError, Exit, NoRegionError

Check = Callable[[], Iterator[Finding]]
SERVICE_LINKED_ROLE = "AWSServiceRoleForECS"


@dataclass(frozen=True)
class Examination:
    """Of an account, for the existing stack or, with `answers`, one that is about to be
    deployed."""

    account: Account
    stack_name: str
    answers: Mapping[str, str] | None = None
    """Parameters for a deployment."""

    def findings(self) -> Iterator[Finding]:
        first = self._credentials()
        yield first
        for name, check in self._checks:
            if first.verdict is Verdict.NG:
                yield skipped(name, f"not without {first.check}")
                continue
            try:
                yield from check()
            except CommandError as error:
                yield skipped(name, f"cannot be known: {error}")

    @property
    def _checks(self) -> list[tuple[str, Check]]:
        of_stack: list[tuple[str, Check]] = [("version", self._version), ("rights", self._rights)]
        return [
            ("stack", self._stack_itself),
            *(of_stack if self.answers is None else ()),
            ("service-linked role", self._service_linked_role),
            (quotas.LAMBDA.name, partial(self._room, quotas.LAMBDA)),
            (quotas.FARGATE.name, partial(self._room, quotas.FARGATE)),
            (quotas.NAMESPACES.name, self._namespaces),
            ("subnets", self._subnets),
            ("TaskSecurityGroupId", self._security_group),
            ("AllowedTaskRoleArns", partial(self._roles, "AllowedTaskRoleArns")),
            ("AllowedExecutionRoleArns", partial(self._roles, "AllowedExecutionRoleArns")),
            ("PermissionsBoundaryArn", self._boundary),
            ("DefaultLease", self._lease),
            ("alarms", self._alarms),
        ]

    # --- who asks, and for what ------------------------------------------------------------------

    def _credentials(self) -> Finding:
        try:
            region = self.account.region
            return ok("credentials", f"{self.account.caller()} in {region}")
        except NoRegionError as error:
            return ng("region", str(error), "bivouac doctor --region REGION")
        except CommandError as error:
            return ng("credentials", str(error), "aws sts get-caller-identity   # until it answers")

    @cached_property
    def _stack(self) -> dict[str, Any] | None:
        return self.account.stack(self.stack_name)

    def _of_stack(self, member: str, key: str, value: str) -> dict[str, str]:
        """Its outputs or parameters. Raises CommandError if there is no stack."""
        if self._stack is None:
            raise CommandError(Exit.NOT_FOUND, f"there is no stack {self.stack_name}")
        return _Named({each[key]: each[value] for each in self._stack.get(member, ())})

    @property
    def _outputs(self) -> dict[str, str]:
        return self._of_stack("Outputs", "OutputKey", "OutputValue")

    @cached_property
    def _given(self) -> Mapping[str, str]:
        """The stack's parameters, or its future ones."""
        if self.answers is not None:
            return self.answers
        return self._of_stack("Parameters", "ParameterKey", "ParameterValue")

    def _listed(self, parameter: str) -> list[str]:
        return [each.strip() for each in self._given[parameter].split(",") if each.strip()]

    def _stack_itself(self) -> Iterator[Finding]:
        name, region = self.stack_name, self.account.region
        stack = self._stack
        try:
            others = [each for each in self.account.stacks_of_bivouac() if each != name]
        except CommandError:
            others = []  # the caller may see only this one
        if stack is not None or self.answers is None:
            yield stacks.stack_finding(name, stack, others, region)
        if stack is None and (regions := self.account.regions_with(name)):
            yield stacks.elsewhere_finding(name, region, regions)

    def _version(self) -> Iterator[Finding]:
        yield stacks.version_finding(__version__, self._outputs.get("Version"))

    def _rights(self) -> Iterator[Finding]:
        caller, outputs = self.account.caller(), self._outputs
        principal = caller
        if role := people.role_name(caller):
            principal = (self.account.role(role) or {}).get("Arn", caller)
        stack_id = str((self._stack or {})["StackId"])
        _, partition, _, region, account, _ = stack_id.split(":", 5)
        place = people.Place(partition, region, account, self._given["NamePrefix"])
        needed = people.accesses(place, stack_id, outputs)
        by_resource: dict[str, set[str]] = defaultdict(set)
        for action, resource in frozenset().union(*needed.values()):
            by_resource[resource].add(action)
        denied = frozenset(
            (action, resource)
            for resource, actions in by_resource.items()
            for action in self.account.denied(principal, actions, resource, place.cluster)
        )
        yield people.rights_finding(caller, needed, denied, outputs)

    # --- the account -----------------------------------------------------------------------------

    def _service_linked_role(self) -> Iterator[Finding]:
        if self.account.role(SERVICE_LINKED_ROLE) is None:
            yield ng(
                "service-linked role",
                "ECS has none in this account yet: the first create would wait for it",
                "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
            )
        else:
            yield ok("service-linked role", SERVICE_LINKED_ROLE)

    def _room(self, quota: quotas.Quota) -> Iterator[Finding]:
        value = self.account.quota(quota.service, quota.code)
        yield quotas.room_finding(quota, value, self.account.region)

    def _namespaces(self) -> Iterator[Finding]:
        quota = quotas.NAMESPACES
        value = self.account.quota(quota.service, quota.code)
        known = self.answers is not None or self._stack is not None
        parameter = int(self._given["NamespaceQuota"]) if known else None
        used = self.account.namespaces()
        yield quotas.namespace_finding(value, used, parameter, self.account.region)

    # --- the parameters --------------------------------------------------------------------------

    def _subnets(self) -> Iterator[Finding]:
        vpc = self._given["VpcId"]
        wanted = [*self._listed("SubnetIds"), *self._listed("AllowedSubnetIds")]
        yield from network.subnet_findings(
            wanted,
            self.account.subnets(wanted),
            self.account.route_tables(vpc),
            self.account.endpoints(vpc),
            vpc=vpc,
            region=self.account.region,
            public_address=self._given["AssignPublicIp"] == "ENABLED",
            proof_image=self._given["ProofImage"],
        )

    def _security_group(self) -> Iterator[Finding]:
        if group := self._given["TaskSecurityGroupId"]:
            probe = None if self.answers is not None else self._outputs["ProbeSecurityGroupId"]
            described = self.account.security_group(group)
            vpc, region = self._given["VpcId"], self.account.region
            yield group_finding(group, described, vpc, probe, region)

    def _roles(self, parameter: str) -> Iterator[Finding]:
        for arn in self._listed(parameter):
            yield role_finding(parameter, arn, self.account.role(arn.rpartition("/")[2]))

    def _boundary(self) -> Iterator[Finding]:
        if arn := self._given["PermissionsBoundaryArn"]:
            yield boundary_finding(arn, self.account.policy(arn))

    def _lease(self) -> Iterator[Finding]:
        yield lease_finding(self._given)

    def _alarms(self) -> Iterator[Finding]:
        topic = self._given["AlarmTopicArn"]
        yield alarm_finding(
            topic, self.account.topic(topic) if topic else None, self.account.region
        )


class _Named(dict[str, str]):
    """Outputs or parameters; a missing one means a stack of another version."""

    def __missing__(self, name: str) -> str:
        raise CommandError(Exit.NOT_FOUND, f"the stack has no {name}: it is of another version")
