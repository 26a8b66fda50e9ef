"""EC2 refuses to delete subnets and security groups that functions or rules use; moto deletes
them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.subnets import Subnet

from localcloud.awslambda.function import VpcConfig
from localcloud.moto_changes.patching import all_patched


@contextmanager
def dependencies_hold(of_functions: Callable[[], Iterable[VpcConfig]]) -> Iterator[None]:
    """`of_functions`: the VPC settings of functions and their published versions. Lambda keeps a
    network interface there while any of them exists (its guide, "Giving Lambda functions access to
    resources in an Amazon VPC"); on AWS the interface goes some minutes after the last one."""
    delete_subnet = EC2Backend.delete_subnet
    delete_security_group = EC2Backend.delete_security_group

    def delete_free_subnet(self: EC2Backend, subnet_id: str) -> Subnet:
        if any(subnet_id in vpc.subnet_ids for vpc in of_functions()):
            raise DependencyViolationError(
                f"The subnet '{subnet_id}' has dependencies and cannot be deleted."
            )
        return delete_subnet(self, subnet_id)

    def delete_free_group(
        self: EC2Backend, name: str | None = None, group_id: str | None = None
    ) -> None:
        in_use = any(group_id in vpc.security_group_ids for vpc in of_functions())
        if group_id and (in_use or _is_referenced(self, group_id)):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        delete_security_group(self, name, group_id)

    with all_patched(
        (
            (EC2Backend, "delete_subnet", delete_free_subnet),
            (EC2Backend, "delete_security_group", delete_free_group),
        )
    ):
        yield


def _is_referenced(backend: EC2Backend, group_id: str) -> bool:
    groups: list[SecurityGroup] = [
        group for groups in backend.groups.values() for group in groups.values()
    ]
    return any(
        rule.source_group.get("GroupId") == group_id
        for group in groups
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )
