"""ECS's rules for the volumes of a new task definition. Pure.

Volume, EFSVolumeConfiguration, EFSAuthorizationConfig, MountPoint and VolumeFrom in the API
reference; texts that ECS is known to use: github.com/badmintoncryer/cdk-preflight (rules/ecs).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.ecs import errors
from localcloud.ecs.name_rules import check_name

Request = Mapping[str, Any]

_FILE_SYSTEM = re.compile(r"(arn:.+/)?fs-[0-9a-f]{8,40}")
_ACCESS_POINT = re.compile(r"(arn:.+/)?fsap-[0-9a-f]{8,40}")


def check_volumes(request: Request) -> None:
    volumes: Sequence[Request] = request.get("volumes", [])
    names = [volume.get("name", "") for volume in volumes]
    for volume, name in zip(volumes, names, strict=True):
        check_name("Volume name", name)
        if len(volume) > 2:
            raise errors.client_error(f"Volume '{name}' has more than one configuration.")
        if "efsVolumeConfiguration" in volume:
            _check_efs(volume["efsVolumeConfiguration"], "taskRoleArn" in request)
    if len(set(names)) < len(names):
        raise errors.client_error("Volume names must be unique.")
    containers = [item["name"] for item in request["containerDefinitions"]]
    for item in request["containerDefinitions"]:
        _check_mounts(item, names)
        for source in item.get("volumesFrom", []):
            container = source.get("sourceContainer")
            if container not in containers or container == item["name"]:
                raise errors.client_error(f"Invalid source container '{container}'")


def _check_mounts(container: Request, names: Sequence[str]) -> None:
    mounts = container.get("mountPoints", [])
    temporary = container.get("linuxParameters", {}).get("tmpfs", [])
    for mount in mounts:
        if mount.get("sourceVolume") not in names:
            raise errors.client_error(f"Unknown volume '{mount.get('sourceVolume')}'")
    paths = Counter(mount.get("containerPath", "") for mount in (*mounts, *temporary))
    for path, times in paths.items():
        if not path.startswith("/"):
            raise errors.client_error(f"Invalid container path '{path}'")
        if times > 1:
            raise errors.client_error(f"Duplicate mount point: {path}")
    if any(mount["size"] < 1 for mount in temporary):
        raise errors.client_error("The size of a tmpfs must be positive.")


def _check_efs(efs: Request, has_role: bool) -> None:
    authorization = efs.get("authorizationConfig", {})
    encrypted = efs.get("transitEncryption") == "ENABLED"
    root = efs.get("rootDirectory", "/")
    if not _FILE_SYSTEM.fullmatch(efs["fileSystemId"]):
        raise errors.client_error(f"Invalid EFS file system: {efs['fileSystemId']}")
    if not root.startswith("/"):
        raise errors.client_error(f"Invalid EFS root directory: {root}")
    if authorization.get("iam") == "ENABLED" and not encrypted:
        raise errors.client_error("EFS IAM authorization requires TransitEncryption to be enabled")
    if authorization.get("iam") == "ENABLED" and not has_role:
        raise errors.client_error("EFS IAM authorization requires a task role")
    if "transitEncryptionPort" in efs:
        if not encrypted:
            raise errors.client_error(
                "TransitEncryptionPort requires that TransitEncryption is enabled"
            )
        if not 1 <= efs["transitEncryptionPort"] <= 65535:
            raise errors.client_error("Invalid TransitEncryptionPort")
    if point := authorization.get("accessPointId"):
        if not _ACCESS_POINT.fullmatch(point):
            raise errors.client_error(f"Invalid EFS access point: {point}")
        if not encrypted:
            raise errors.client_error("EFS access points require TransitEncryption to be enabled")
        if root != "/":
            raise errors.client_error(
                "EFS access points require the root directory to be omitted or set to /"
            )
