"""The image catalogue: what can be pulled, what cannot, and what runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bivouac.proof.edge_client import EdgeClient
from bivouac.proof.edge_rules import PROVEN
from localcloud.tasks import own_images
from localcloud.tasks.images import STAND_IN, CannotPullError, Launch, pull
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
            "ngimx",
            "failed to resolve ref docker.io/library/ngimx:latest: pull access denied, repository "
            "does not exist or may require authorization: server message: insufficient_scope: "
            "authorization failed",
        ),
        (
            "registry.example/shop:nope",
            "failed to resolve ref registry.example/shop:nope: "
            "registry.example/shop:nope: not found",
        ),
        (
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop:7",
            "failed to resolve ref 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop:7: "
            "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/shop:7: not found",
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


@pytest.mark.parametrize(
    "reference",
    [
        "acme/shop",
        "redis:8",
        "ghcr.io/acme/api:sha-1f2e3d",
        "localhost:5000/nginx:latest",
        "999999999999.dkr.ecr.eu-west-1.amazonaws.com/shop:7",
    ],
)
def test_a_stand_in_plays_what_the_catalogue_does_not_know(reference: str, tmp_path: Path) -> None:
    pulled = pull(reference)
    assert pulled.image is STAND_IN
    launch = Launch(
        container(image=reference, ports=(80, 81, 82, 83)),
        pulled.tag,
        tmp_path,
        None,
        {81: "http2", 82: "grpc", 83: None},
    )
    assert pulled.image.program(launch)[-4:] == (
        "http@tcp:0.0.0.0:80",
        "http2@tcp:0.0.0.0:81",
        "grpc@tcp:0.0.0.0:82",
        "tcp@tcp:0.0.0.0:83",
    )


@contextmanager
def played(*endpoints: str) -> Iterator[None]:
    """A stand-in at these endpoints, once it listens."""
    program = [*pull("acme/shop").image.program(AS_LAUNCHED), *endpoints]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as stand_in:
        assert stand_in.stdout is not None
        for _ in endpoints:
            stand_in.stdout.readline()
        try:
            yield
        finally:
            stand_in.terminate()


AS_LAUNCHED = Launch(container(image="acme/shop", ports=()), "latest", Path("/"), None)


@pytest.mark.parametrize("protocol", ["http", "http2", "grpc", "tcp"])
def test_a_stand_in_answers_as_its_protocol_says(protocol: str) -> None:
    """The program that proves edges asks it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with played(f"{protocol}@tcp:127.0.0.1:{port}"):
        client = EdgeClient("127.0.0.1", str(port), protocol, "/any", "200", "399")
        code, words = client.attempt()
    assert code == PROVEN, words


def test_a_command_of_ones_own_plays_an_image(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text(json.dumps({"acme/web": ["echo", "web"], "ghcr.io/acme/api": "echo api"}))
    own = own_images.read(file)
    for reference, printed in {"acme/web:7": "web now", "ghcr.io/acme/api": "api"}.items():
        pulled = pull(reference, own=own)
        launch = Launch(replace(container(), command=("now",)), pulled.tag, tmp_path, None)
        ran = subprocess.run(
            pulled.image.program(launch), capture_output=True, text=True, check=True
        )
        assert ran.stdout.strip() == printed


def test_ones_own_image_comes_before_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text(json.dumps({"nginx": ["echo"]}))
    (own,) = own_images.read(file)
    assert pull("nginx:any", own=[own]).image is own


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{", ["cannot be read as JSON"]),
        ("[]", ['write {"<image>"']),
        ('{"a": [], "b": 1, "c": ["x", 2]}', ["'a': write", "'b': write", "'c': write"]),
    ],
)
def test_every_mistake_in_the_file_is_reported(
    text: str, problems: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "images.json"
    file.write_text(text)
    with pytest.raises(own_images.ImagesFileError) as caught:
        own_images.read(file)
    assert all(problem in str(caught.value) for problem in problems)
