"""What the checks read from AWS. None: it does not exist.

Each method raises CommandError if AWS does not answer, or the caller lacks the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from bivouac_cli.clients import Clients, has_no_rights, plain_errors

Json = dict[str, Any]
_DESCRIPTION = "Bivouac - "
"""Begins the description of the stack's template."""


class Account:
    def __init__(self, clients: Clients) -> None:
        self._client = clients

    @property
    def region(self) -> str:
        """Raises NoRegionError. STS itself would answer without one."""
        return str(self._client("cloudformation").meta.region_name)

    def caller(self) -> str:
        """The ARN; everybody may read it (IAM user guide, GetCallerIdentity)."""
        with plain_errors():
            return str(self._client("sts").get_caller_identity()["Arn"])

    # --- stacks ----------------------------------------------------------------------------------

    def stack(self, name: str) -> Json | None:
        with plain_errors():
            return self._found("cloudformation", _stack(name), "ValidationError")

    def stacks_of_bivouac(self) -> list[str]:
        """The names of all that are deployed in this Region."""
        with plain_errors():
            pages = self._client("cloudformation").get_paginator("list_stacks").paginate()
            return sorted(
                each["StackName"]
                for page in pages
                for each in page["StackSummaries"]
                if str(each.get("TemplateDescription", "")).startswith(_DESCRIPTION)
                and each["StackStatus"] != "DELETE_COMPLETE"
            )

    def regions_with(self, name: str) -> list[str]:
        """The other Regions of the account that have a stack of this name."""
        with plain_errors():
            regions = self._client("ec2").describe_regions()["Regions"]
        others = sorted({each["RegionName"] for each in regions} - {self.region})
        return [region for region in others if Account(self._client.of_region(region)).stack(name)]

    # --- IAM -------------------------------------------------------------------------------------

    def role(self, name: str) -> Json | None:
        with plain_errors():
            return self._found(
                "iam", lambda iam: iam.get_role(RoleName=name)["Role"], "NoSuchEntity"
            )

    def policy(self, arn: str) -> Json | None:
        with plain_errors():
            return self._found(
                "iam", lambda iam: iam.get_policy(PolicyArn=arn)["Policy"], "NoSuchEntity"
            )

    def denied(
        self, principal: str, actions: Iterable[str], resource: str, cluster: str
    ) -> set[str]:
        """Those of the actions on the resource that the principal's policies do not allow."""
        context = {
            "ContextKeyName": "ecs:cluster",
            "ContextKeyValues": [cluster],
            "ContextKeyType": "string",
        }
        with plain_errors():
            pages = (
                self._client("iam")
                .get_paginator("simulate_principal_policy")
                .paginate(
                    PolicySourceArn=principal,
                    ActionNames=sorted(actions),
                    ResourceArns=[resource],
                    ContextEntries=[context],
                )
            )
            return {
                each["EvalActionName"]
                for page in pages
                for each in page["EvaluationResults"]
                if each["EvalDecision"] != "allowed"
            }

    # --- quotas ----------------------------------------------------------------------------------

    def quota(self, service: str, code: str) -> float:
        """The applied value."""
        with plain_errors():
            answer = self._client("service-quotas").get_service_quota(
                ServiceCode=service, QuotaCode=code
            )
        return float(answer["Quota"]["Value"])

    def namespaces(self) -> int:
        """Their number in this Region."""
        with plain_errors():
            pages = self._client("servicediscovery").get_paginator("list_namespaces").paginate()
            return sum(len(page["Namespaces"]) for page in pages)

    # --- network ---------------------------------------------------------------------------------

    def subnets(self, ids: Sequence[str]) -> list[Json]:
        """Those of them that exist."""
        filters = [{"Name": "subnet-id", "Values": list(ids)}]
        return self._described("describe_subnets", "Subnets", filters)

    def route_tables(self, vpc: str) -> list[Json]:
        return self._described("describe_route_tables", "RouteTables", _in(vpc))

    def endpoints(self, vpc: str) -> list[Json]:
        return self._described("describe_vpc_endpoints", "VpcEndpoints", _in(vpc))

    def security_group(self, group: str) -> Json | None:
        filters = [{"Name": "group-id", "Values": [group]}]
        found = self._described("describe_security_groups", "SecurityGroups", filters)
        return found[0] if found else None

    def _described(self, operation: str, member: str, filters: list[Json]) -> list[Json]:
        with plain_errors():
            pages = self._client("ec2").get_paginator(operation).paginate(Filters=filters)
            return [each for page in pages for each in page[member]]

    # --- alarms ----------------------------------------------------------------------------------

    def topic(self, arn: str) -> Json | None:
        """The attributes."""
        with plain_errors():
            return self._found(
                "sns", lambda sns: sns.get_topic_attributes(TopicArn=arn)["Attributes"], "NotFound"
            )

    def _found(self, service: str, ask: Callable[[Any], Json], missing: str) -> Json | None:
        """`missing`: the error code if it does not exist."""
        try:
            return ask(self._client(service))
        except ClientError as error:
            if error.response["Error"]["Code"] != missing or has_no_rights(error):
                raise
            return None


def _stack(name: str) -> Callable[[Any], Json]:
    return lambda cloudformation: cloudformation.describe_stacks(StackName=name)["Stacks"][0]


def _in(vpc: str) -> list[Json]:
    return [{"Name": "vpc-id", "Values": [vpc]}]
