"""What a request may name only as the stack's parameters allow. Pure.

Being in a security group, reading a file system or a file, and having a role are rights. The stack
has its own network and execution role; whatever else a request names must be listed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence

from bivouac.json_types import Json, ReadOnlyJson
from bivouac.request.draft import Draft
from bivouac.request.findings import Problem
from bivouac.request.messages import listed
from bivouac.request.places import entries

_LOCAL = re.compile(r"(?:.+\.)?localhost(?:\..*)?|ip6-(?:localhost|loopback)")
"""Names that every container has in its own /etc/hosts, and RFC 6761's."""


def use_network(draft: Draft, arguments: Json, path: str) -> None:
    """The stack's own subnets and security group in CreateService's arguments, where the request
    names others than the stack allows: a pasted definition has those of where it came from."""
    network = arguments.get("networkConfiguration")
    awsvpc = network.get("awsvpcConfiguration") if isinstance(network, dict) else None
    if not isinstance(awsvpc, dict):
        return
    settings = draft.settings
    own = {
        "subnets": (settings.subnet_ids, settings.allowed_subnet_ids, "AllowedSubnetIds"),
        "securityGroups": (
            (settings.task_security_group_id,),
            settings.allowed_security_group_ids,
            "AllowedSecurityGroupIds",
        ),
    }
    for field, (stack, more, parameter) in own.items():
        named = awsvpc.get(field)
        if not isinstance(named, list) or all(each in (*stack, *more) for each in named):
            continue
        awsvpc[field] = list(stack)
        used = f"the stack's own, {', '.join(stack)}; its parameter {parameter} can allow others"
        where = f"{path}.networkConfiguration.awsvpcConfiguration"
        draft.note("replaced", f"{where}.{field}", used)
        if field == "subnets" and awsvpc.get("assignPublicIp") != settings.assign_public_ip:
            # In subnets of another kind, tasks could not pull their images.
            awsvpc["assignPublicIp"] = settings.assign_public_ip
            why = f"{settings.assign_public_ip}, as the stack's own subnets need it"
            draft.note("replaced", f"{where}.assignPublicIp", why)


def storage_problems(
    definition: ReadOnlyJson, file_systems: Sequence[str], files: Sequence[str], path: str
) -> Iterator[Problem]:
    """File systems of EFS, and files of S3 with environment variables. `files`: ARNs of objects;
    one that ends with * stands for all that begin so."""
    for here, volume in entries(definition, "volumes", path):
        named = volume.get("efsVolumeConfiguration", {}).get("fileSystemId", "")
        if named and named.rpartition("/")[2] not in file_systems:
            yield Problem(
                f"{here}.efsVolumeConfiguration.fileSystemId",
                f"{named} is not in the stack's parameter AllowedFileSystemIds "
                f"({listed(file_systems)}); whoever deploys the stack can add it",
            )
    beginnings = tuple(each[:-1] for each in files if each.endswith("*"))
    for where, container in entries(definition, "containerDefinitions", path):
        for here, file in entries(container, "environmentFiles", where):
            named = file.get("value", "")
            if named not in files and not named.startswith(beginnings):
                yield Problem(
                    f"{here}.value",
                    f"{named} is not in the stack's parameter AllowedEnvironmentFiles "
                    f"({listed(files)}); write the variables in environment and secrets, or ask "
                    "whoever deploys the stack to add it",
                )


def alias_problems(connect: ReadOnlyJson, namespace: str, path: str) -> Iterator[Problem]:
    """An alias that is an address would be called without the mesh: 169.254.169.254 answers with
    credentials, and 127.0.0.1 is the caller itself."""
    for where, service in entries(connect, "services", path):
        discovery = service.get("discoveryName", service.get("portName", ""))
        for here, alias in entries(service, "clientAliases", where):
            name = alias.get("dnsName", f"{discovery}.{namespace}")
            if is_address(name) or _LOCAL.fullmatch(name.rstrip(".").lower()):
                yield Problem(
                    f"{here}.dnsName",
                    f"{name} is no name that the mesh can give, because it means an address; "
                    f'write a name such as "{discovery or "api"}"',
                )


def is_address(name: str) -> bool:
    """Whether resolvers take the name for an address: 127.0.0.1, ::1, and also 127.1, 0x7f000001
    and 2130706433, as inet_aton(3) reads them."""
    bare = name.rstrip(".").strip("[]")
    if not bare[:1].isdecimal() and ":" not in bare:
        return False
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        try:
            socket.inet_aton(bare)
        except OSError:
            return False
    return True
