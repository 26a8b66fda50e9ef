"""The image catalogue: what can be pulled, what cannot, and what runs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localcloud.tasks.images import CannotPullError, Launch, pull
from tests.localcloud.running_tasks import container


@pytest.mark.parametrize(
    "reference",
    [
        "nginx",
        "nginx:latest",
        "nginx:1.27",
        "nginx:1.27.3-alpine",
        "nginx:stable-alpine",
        "library/nginx",
        "docker.io/library/nginx",
        "public.ecr.aws/docker/library/nginx:latest",
        "public.ecr.aws/nginx/nginx:mainline",
        "httpd:2.4",
        "public.ecr.aws/docker/library/httpd:latest",
        "busybox",
        "alpine:3.20",
        "python",
        "python:3.13.1-slim-bookworm",
        "public.ecr.aws/docker/library/python:3.13-alpine",
        "public.ecr.aws/docker/library/python:3.14.0rc1-alpine3.22",
        "bivouac/echo",
        "bivouac/exits:3",
        "bivouac/slow:2.5",
        "nginx@sha256:" + "a" * 64,
    ],
)
def test_images_of_the_catalogue_can_be_pulled(reference: str) -> None:
    assert pull(reference).digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("reference", "cause"),
    [
        (
            "public.ecr.aws/docker/library/nginx:nope",
            "failed to resolve ref public.ecr.aws/docker/library/nginx:nope: "
            "public.ecr.aws/docker/library/nginx:nope: not found",
        ),
        (
            "nginx:latets",
            "failed to resolve ref docker.io/library/nginx:latets: "
            "docker.io/library/nginx:latets: not found",
        ),
        (
            "acme/shop",
            "failed to resolve ref docker.io/acme/shop:latest: pull access denied, repository does "
            "not exist or may require authorization: server message: insufficient_scope: "
            "authorization failed",
        ),
        (
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop:7",
            "failed to resolve ref 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop:7: "
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop:7: not found",
        ),
        (
            "localhost:5000/nginx:latest",
            "failed to resolve ref localhost:5000/nginx:latest: "
            "localhost:5000/nginx:latest: not found",
        ),
    ],
)
def test_other_images_fail_with_awss_text(reference: str, cause: str) -> None:
    """H07."""
    with pytest.raises(CannotPullError) as failure:
        pull(reference)
    start = "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    assert str(failure.value) == start + cause


def test_every_form_of_a_reference_has_the_same_digest() -> None:
    assert pull("nginx").digest == pull("docker.io/library/nginx:latest").digest
    assert pull("nginx").digest != pull("nginx:1.27").digest
    assert pull("nginx@sha256:" + "a" * 64).digest == "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("entry_point", "command", "program"),
    [
        (("sh", "-c"), ("exit 3",), ["sh", "-c", "exit 3"]),
        ((), ("sleep", "60"), ["sleep", "60"]),
        ((), (), ["sh"]),
    ],
)
def test_a_generic_image_runs_the_containers_command(
    entry_point: tuple[str, ...], command: tuple[str, ...], program: list[str], tmp_path: Path
) -> None:
    given = replace(container(image="busybox"), entry_point=entry_point, command=command)
    pulled = pull("busybox")
    launch = Launch(given, pulled.tag, tmp_path, None)
    assert list(pulled.image.program(launch)) == program


@pytest.mark.parametrize(
    ("sockets", "address"),
    [(None, "tcp:0.0.0.0:80"), ({80: Path("/run/a")}, "unix:/run/a")],
)
def test_a_server_listens_at_the_given_address(
    sockets: dict[int, Path] | None, address: str, tmp_path: Path
) -> None:
    pulled = pull("bivouac/echo")
    launch = Launch(container(image="bivouac/echo"), pulled.tag, tmp_path, sockets)
    program = list(pulled.image.program(launch))
    assert program[0] == sys.executable
    assert program[-1] == address
