"""The rules across a task's volumes and what mounts them. Pure.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Volume.html and the pages of
EFSVolumeConfiguration, EFSAuthorizationConfig, MountPoint, VolumeFrom and Tmpfs.
"""

from __future__ import annotations

from collections.abc import Iterator

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.messages import none_named, repeated
from bivouac.request.places import entries


def problems(definition: ReadOnlyJson, path: str) -> Iterator[Problem]:
    for where, volume in entries(definition, "volumes", path):
        if not volume.get("name"):
            yield Problem(f"{where}.name", "needed; mountPoints name the volume with it")
        kinds = sorted(volume.keys() - {"name"})
        if len(kinds) > 1:
            yield Problem(where, f"{' and '.join(kinds)} exclude each other; keep one")
        if (efs := volume.get("efsVolumeConfiguration")) is not None:
            yield from _efs_problems(
                efs, bool(definition.get("taskRoleArn")), f"{where}.efsVolumeConfiguration"
            )
    names = [each["name"] for each in definition.get("volumes", ()) if each.get("name")]
    for name, count in repeated(names).items():
        yield Problem(f"{path}.volumes", f"{count} are named {name!r}")
    containers = definition.get("containerDefinitions", ())
    containing = [each["name"] for each in containers if each.get("name")]
    for where, container in entries(definition, "containerDefinitions", path):
        yield from _mount_problems(container, list(dict.fromkeys(names)), where)
        for here, entry in entries(container, "volumesFrom", where):
            here, source = f"{here}.sourceContainer", entry.get("sourceContainer")
            if source not in containing:
                yield Problem(here, none_named("container", source, containing))
            elif source == container.get("name"):
                yield Problem(here, "a container cannot mount its own volumes; name another one")


def _mount_problems(container: ReadOnlyJson, names: list[str], path: str) -> Iterator[Problem]:
    mounted = [
        each.get("containerPath")
        for each in (
            *container.get("mountPoints", ()),
            *container.get("linuxParameters", {}).get("tmpfs", ()),
        )
    ]
    for here, mount in entries(container, "mountPoints", path):
        source = mount.get("sourceVolume")
        if not source:
            yield Problem(f"{here}.sourceVolume", "needed; it names one of volumes")
        elif source not in names:
            yield Problem(f"{here}.sourceVolume", none_named("volume", source, names))
        if not mount.get("containerPath"):
            yield Problem(f"{here}.containerPath", "needed, such as /data")
    for place, count in repeated(mounted).items():
        yield Problem(
            f"{path}.mountPoints", f"{count} volumes are mounted at {place}; give each its own"
        )


def _efs_problems(efs: ReadOnlyJson, has_role: bool, path: str) -> Iterator[Problem]:
    authorization = efs.get("authorizationConfig", {})
    encrypted = efs.get("transitEncryption") == "ENABLED"
    needs = {
        "authorizationConfig.iam is ENABLED": authorization.get("iam") == "ENABLED",
        "there is an access point": bool(authorization.get("accessPointId")),
        "there is a transitEncryptionPort": "transitEncryptionPort" in efs,
    }
    if not encrypted:
        for reason, applies in needs.items():
            if applies:
                yield Problem(f"{path}.transitEncryption", f'write "ENABLED", because {reason}')
    if authorization.get("accessPointId") and efs.get("rootDirectory", "/") != "/":
        yield Problem(
            f"{path}.rootDirectory",
            'the access point has a directory of its own; leave it out, or write "/"',
        )
    if authorization.get("iam") == "ENABLED" and not has_role:
        yield Problem(
            f"{path}.authorizationConfig.iam",
            'it uses the task role, and there is none; set taskRoleArn, or write "DISABLED"',
        )
