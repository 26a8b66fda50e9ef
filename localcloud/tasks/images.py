"""The image catalogue: which program stands in for which container image.

Nothing is pulled. An image reference is looked up here, and the program of its entry runs as a
process in the task's sandbox. To add an image, add an entry to `CATALOGUE`.

| image                  | what runs                                                               |
|------------------------|-------------------------------------------------------------------------|
| nginx                  | the real nginx where installed, else a small HTTP server; port 80       |
| httpd                  | a small HTTP server with that image's welcome page; port 80             |
| busybox, alpine        | `entryPoint` and `command` as given, with the programs of this machine  |
| python                 | the same; `python` and `python3` are this machine's Python              |
| nicholasjackson/       | an HTTP server whose answer holds those of its UPSTREAM_URIS; /health   |
| fake-service           | is its own; LISTEN_ADDR, else port 9090; NAME, MESSAGE                  |
| bivouac/echo           | an HTTP server that answers with the request                            |

The other `bivouac/` images play the ways in which containers fail. They exist in no registry. Those
that serve do so at their first declared port, else at port 80.

| bivouac/...            | how it fails                                                            |
|------------------------|-------------------------------------------------------------------------|
| exits:CODE             | prints a line and exits with that code                                  |
| crashes:SECONDS        | serves, and exits with code 1 after that many seconds                   |
| out-of-memory          | is killed for its use of memory: 137                                    |
| wrong-architecture     | its program is another CPU's: exec format error, 1                      |
| prints-secrets         | prints keys, passwords and tokens, and exits with code 1                |
| slow:SECONDS           | nginx's stand-in; it listens only after that many seconds               |
| unhealthy              | answers every request with status 500                                   |
| answers:STATUS         | answers every request with that status                                  |
| closes                 | closes every connection without an answer                               |
| wrong-port             | nginx's stand-in; it listens at the next port                           |
| other-platform         | cannot be pulled: the image has no variant for the task's CPU           |

An image that was pushed to the account's own registry (`LocalCloud.push_image`) is an HTTP server
that answers with the image's name and digest. An image of one's own is played by the command that
own_images.py says. Any other image is played by a stand-in, which answers at its ports as their
protocols say (images/stand_in.py), or ends at once with 0 if another container waits for its end.
It runs no `command`, because that names programs of the image. There is no stand-in for what cannot
exist: another tag of an image above, a name that none of the official images has, a registry under
.example, .invalid or .test, or what nobody pushed to the account's registry.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.account import ACCOUNT_ID

from .runtime import AppProtocol, Container

_PROGRAMS = Path(__file__).parent.parent / "images"
_WEB_SERVER = _PROGRAMS / "web_server.py"
_FAILURES = _PROGRAMS / "failures.py"

PYTHON = (sys.executable, "-I", "-S")
"""Stand-ins use only the standard library: they start in a few hundredths of a second."""

_WITH_PACKAGES = (
    *(sys.executable, "-I", "-c"),
    f"import sys; sys.path.append({str(_PROGRAMS.parent.parent)!r}); "
    "from localcloud.images.stand_in import main; main()",
)
"""The stand-in for an unknown image, which may need h2."""

_DOCKER_HUB = "docker.io"
_OFFICIAL = ("docker.io/library", "public.ecr.aws/docker/library")
_BIVOUAC = ("docker.io/bivouac", "public.ecr.aws/bivouac")


_PULL_FAILED = "CannotPullContainerError: pull image manifest has been retried 1 time(s): "


class CannotPullError(Exception):
    """The image cannot be pulled. The text is AWS's stopped reason (H07)."""


@dataclass(frozen=True)
class Launch:
    """The arguments with which a stand-in is started."""

    container: Container
    tag: str
    directory: Path
    """The container's own directory on this machine, for files that the program needs."""
    sockets: Mapping[int, Path] | None
    """Where a program listens instead of a port, by port; None: it can bind the port itself."""

    protocols: Mapping[int, AppProtocol | None] = field(default_factory=dict)
    """Of ports that are endpoints; None is plain TCP."""
    awaited: bool = False
    """Whether another container starts only when this one has ended (COMPLETE or SUCCESS)."""

    def address(self, port: int) -> str:
        """Where it listens: "tcp:0.0.0.0:<port>", or "unix:<path>" if ports cannot be bound."""
        if self.sockets is None:
            return f"tcp:0.0.0.0:{port}"
        return f"unix:{self.sockets.get(port, self.directory / str(port))}"


@dataclass(frozen=True)
class Image:
    """An entry of the catalogue."""

    repositories: tuple[str, ...]
    """Full names, registry included."""
    tags: str
    """A regular expression that every tag of the image matches entirely."""
    program: Callable[[Launch], Sequence[str]]
    """The process to run: program and arguments."""
    obeys_command: bool = False
    """Whether a container's own `command` and `entryPoint` run."""
    exit_reasons: Mapping[int, str] = field(default_factory=dict)
    """AWS's reason why a container ended by itself, by exit code."""
    pull_failure: str | None = None
    """Why it cannot be pulled although it exists, in AWS's words."""
    has_python: bool = False
    """Whether `python` is a program of the image."""


@dataclass(frozen=True)
class Pulled:
    """An image after the pull."""

    image: Image
    tag: str
    digest: str
    """ "sha256:...", the same for the same reference on every machine."""


def pull(reference: str, pushed: str = "", own: Sequence[Image] = ()) -> Pulled:
    """Looks up a reference as a container runtime does. Raises CannotPullError.

    `pushed` is the digest of an image of the account's own registry; `own` are a person's own
    images, which come first."""
    repository, tag = _split(reference)
    if pushed:
        return Pulled(_PUSHED, tag, pushed)
    known = [image for image in (*own, *CATALOGUE) if repository in image.repositories]
    for image in known:
        if tag.startswith("sha256:") or re.fullmatch(image.tags, tag):
            if image.pull_failure is not None:
                raise CannotPullError(_PULL_FAILED + image.pull_failure)
            return Pulled(image, tag, _digest(repository, tag))
    if not known and _may_be_there(repository):
        return Pulled(STAND_IN, tag, _digest(repository, tag))
    raise CannotPullError(_reason(repository, tag, repository_known=bool(known)))


_NO_HOSTS = (".example", ".invalid", ".test")
"""Names that no host ever has (RFC 2606): a registry of such a name has no image."""


def _may_be_there(repository: str) -> bool:
    registry, _, name = repository.rpartition("/")
    if registry in _OFFICIAL:
        return name in _OFFICIAL_NAMES.split()
    if repository.split("/")[0].endswith(_NO_HOSTS):
        return False
    return registry not in _BIVOUAC and not registry.startswith(f"{ACCOUNT_ID}.dkr.ecr.")


def repository_of(reference: str) -> str:
    """The full name, registry included, without tag and digest."""
    return _split(reference)[0]


def _split(reference: str) -> tuple[str, str]:
    """ "nginx" -> ("docker.io/library/nginx", "latest"), as Docker completes a short name."""
    name, _, digest = reference.partition("@")
    head, _, tail = name.rpartition("/")
    tail, _, tag = tail.partition(":")
    registry = head.split("/")[0]
    if not head:
        head = f"{_DOCKER_HUB}/library"
    elif "." not in registry and ":" not in registry and registry != "localhost":
        head = f"{_DOCKER_HUB}/{head}"
    return f"{head}/{tail}", digest or tag or "latest"


def _digest(repository: str, tag: str) -> str:
    if tag.startswith("sha256:"):
        return tag
    return "sha256:" + hashlib.sha256(f"{repository}:{tag}".encode()).hexdigest()


def _reason(repository: str, tag: str, *, repository_known: bool) -> str:
    separator = "@" if tag.startswith("sha256:") else ":"
    reference = f"{repository}{separator}{tag}"
    if repository.startswith(f"{_DOCKER_HUB}/") and not repository_known:
        cause = (
            "pull access denied, repository does not exist or may require authorization: "
            "server message: insufficient_scope: authorization failed"
        )
    else:
        cause = f"{reference}: not found"
    return f"{_PULL_FAILED}failed to resolve ref {reference}: {cause}"


def _stand_in(launch: Launch) -> Sequence[str]:
    container = launch.container
    if launch.awaited:
        ends = "a stand-in plays $0: it ends, because another container waits for that"
        return ("/bin/sh", "-c", f'echo "{ends}"', container.image)
    served = [
        f"{launch.protocols.get(port, 'http') or 'tcp'}@{launch.address(port)}"
        for port in container.ports
    ]
    return (*_WITH_PACKAGES, container.image, *served)


def _nginx(launch: Launch) -> Sequence[str]:
    real = shutil.which("nginx")
    if real is None:
        return _web_server("nginx")(launch)
    configuration = launch.directory / "nginx.conf"
    listen = launch.address(80).replace("tcp:0.0.0.0:80", "80 reuseport")
    configuration.write_text(
        # The namespace has only this user; and a master process would want a second one.
        "user root; daemon off; master_process off; error_log stderr notice;\n"
        f"pid {launch.directory}/nginx.pid;\n"
        "events {}\n"
        "http {\n"
        "  access_log /dev/stdout;\n"
        f"  client_body_temp_path {launch.directory}; proxy_temp_path {launch.directory};\n"
        f"  fastcgi_temp_path {launch.directory}; uwsgi_temp_path {launch.directory};\n"
        f"  scgi_temp_path {launch.directory};\n"
        "  default_type text/html;\n"
        f"  server {{ listen {listen}; root {_PROGRAMS / 'nginx'}; }}\n"
        "}\n"
    )
    return (real, "-p", str(launch.directory), "-e", "stderr", "-c", str(configuration))


def _web_server(behaviour: str) -> Callable[[Launch], Sequence[str]]:
    return lambda launch: _serve(behaviour, launch, 80)


def _declared(behaviour: str) -> Callable[[Launch], Sequence[str]]:
    return lambda launch: _serve(behaviour, launch, _first_port(launch))


def _serve(behaviour: str, launch: Launch, port: int) -> Sequence[str]:
    return (*PYTHON, str(_WEB_SERVER), behaviour, launch.address(port))


def _first_port(launch: Launch) -> int:
    return next(iter(launch.container.ports), 80)


def _fake_service(launch: Launch) -> Sequence[str]:
    listen = launch.container.environment.get("LISTEN_ADDR", "0.0.0.0:9090")
    return _serve("fake-service", launch, int(listen.rpartition(":")[2]))


def _slow(launch: Launch) -> Sequence[str]:
    return (*_declared("nginx")(launch), "--after", launch.tag)


def _crashes(launch: Launch) -> Sequence[str]:
    return (*_declared("nginx")(launch), "--until", launch.tag)


def _answers(launch: Launch) -> Sequence[str]:
    return _declared(f"answers:{launch.tag}")(launch)


def _wrong_port(launch: Launch) -> Sequence[str]:
    return _serve("nginx", launch, _first_port(launch) + 1)


def _shows_itself(launch: Launch) -> Sequence[str]:
    container = launch.container
    return _declared(f"shows:{container.image}@{container.digest}")(launch)


def _fails(failure: str) -> Callable[[Launch], Sequence[str]]:
    return lambda launch: (*PYTHON, str(_FAILURES), failure)


def _exits(launch: Launch) -> Sequence[str]:
    return (*_fails("exits")(launch), launch.tag)


def _as_given(default: str) -> Callable[[Launch], Sequence[str]]:
    """Joins them as Docker does. Without input the image's own command, `default`, ends at once."""

    def program(launch: Launch) -> Sequence[str]:
        container = launch.container
        return (*container.entry_point, *container.command) or (default,)

    return program


def _in(registries: Sequence[str], name: str) -> tuple[str, ...]:
    return tuple(f"{registry}/{name}" for registry in registries)


_VERSION = r"\d+(\.\d+){0,2}"
_VARIANT = r"(-?(alpine|perl|otel|slim|bookworm|trixie|bullseye|musl|glibc|uclibc)[\d.]*)*"
_SECONDS = r"\d+(\.\d+)?"
_PYTHON_VERSION = r"(latest|3(\.\d+){0,2}((a|b|rc)\d+)?|alpine|slim|bookworm|trixie)"

_PUSHED = Image((), ".*", _shows_itself)
STAND_IN = Image((), ".*", _stand_in)
"""For images that the catalogue does not know."""

_OFFICIAL_NAMES = """
adminer almalinux amazonlinux amazoncorretto apache arangodb bash caddy cassandra clojure consul
couchbase couchdb dart debian docker drupal eclipse-mosquitto eclipse-temurin elasticsearch
elixir erlang fedora fluentd friendica gcc ghost golang gradle groovy haproxy haskell hello-
world influxdb ibmjava jetty joomla jruby julia kibana kong logstash mariadb matomo maven
mediawiki memcached mongo mongo-express mysql nats neo4j nextcloud node openjdk oraclelinux perl
php postgres pypy rabbitmq rakudo-star redis redmine registry rethinkdb rockylinux ruby rust
solr sonarqube spark swift telegraf tomcat traefik ubuntu varnish vault wordpress zookeeper
"""
"""Docker's official images, beside those of the catalogue: what has none of these names there is a
typing error."""

CATALOGUE: tuple[Image, ...] = (
    Image(
        (*_in(_OFFICIAL, "nginx"), "public.ecr.aws/nginx/nginx"),
        rf"(latest|stable|mainline|alpine|{_VERSION}){_VARIANT}",
        _nginx,
    ),
    Image(
        _in(_OFFICIAL, "httpd"),
        rf"(latest|alpine|{_VERSION}){_VARIANT}",
        _web_server("httpd"),
    ),
    Image(
        _in(_OFFICIAL, "busybox"),
        rf"(latest|stable|musl|glibc|uclibc|{_VERSION}){_VARIANT}",
        _as_given("sh"),
        obeys_command=True,
    ),
    Image(
        _in(_OFFICIAL, "alpine"),
        rf"(latest|edge|{_VERSION}){_VARIANT}",
        _as_given("sh"),
        obeys_command=True,
    ),
    Image(
        _in(_OFFICIAL, "python"),
        _PYTHON_VERSION + _VARIANT,
        _as_given("python3"),
        obeys_command=True,
        has_python=True,
    ),
    Image(
        (f"{_DOCKER_HUB}/nicholasjackson/fake-service",),
        r"latest|v0(\.\d+){2}",
        _fake_service,
    ),
    Image(_in(_BIVOUAC, "echo"), "latest", _declared("echo")),
    Image(_in(_BIVOUAC, "exits"), r"\d{1,3}", _exits),
    Image(_in(_BIVOUAC, "crashes"), _SECONDS, _crashes),
    Image(
        _in(_BIVOUAC, "out-of-memory"),
        "latest",
        _fails("out-of-memory"),
        exit_reasons={137: "OutOfMemoryError: Container killed due to memory usage"},
    ),
    Image(_in(_BIVOUAC, "wrong-architecture"), "latest", _fails("wrong-architecture")),
    Image(_in(_BIVOUAC, "prints-secrets"), "latest", _fails("prints-secrets")),
    Image(_in(_BIVOUAC, "slow"), _SECONDS, _slow),
    Image(_in(_BIVOUAC, "unhealthy"), "latest", _declared("unhealthy")),
    Image(_in(_BIVOUAC, "answers"), r"[2-5]\d{2}", _answers),
    Image(_in(_BIVOUAC, "closes"), "latest", _declared("closes")),
    Image(_in(_BIVOUAC, "wrong-port"), "latest", _wrong_port),
    Image(
        _in(_BIVOUAC, "other-platform"),
        "latest",
        _fails("wrong-architecture"),
        pull_failure="image Manifest does not contain descriptor matching platform 'linux/amd64'",
    ),
)
