"""No test can reach AWS: fake credentials, and no connection leaves this machine."""

import gc
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadGroupScheduling, Scheduling

# Before the other imports, which create many long-lived objects.
gc.set_threshold(100_000, 50, 1000)

# The machine's speed decides no test.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# At import, before a test module can create a client; processes that tests start inherit it.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="ap-northeast-1",
    AWS_REGION="ap-northeast-1",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
)


def pytest_xdist_auto_num_workers() -> int:
    """The stories of tests/workflow spend half of their time waiting for real processes, which must
    get enough CPU: two workers run them (their xdist groups), and a third has room beside them."""
    return max(3, os.cpu_count() or 1)


class _Scheduler(LoadGroupScheduling):
    """xdist's own counts, after each test, everything that a worker ever got: its time grows with
    the square of the number of tests."""

    def _pending_of(self, workload: dict[str, dict[str, bool]]) -> int:
        for group in [group for group, tests in workload.items() if all(tests.values())]:
            del workload[group]
        return super()._pending_of(workload)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return _Scheduler(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(scope="session", autouse=True)
def what_is_loaded_stays() -> None:
    """Modules, tests and service models live as long as the process, and are many: the garbage
    collector need not scan them each time."""
    gc.collect()
    gc.freeze()


class OutsideConnectionError(OSError):
    """A test tried to connect to an address outside this machine."""


def _refuse_outside(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0]
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")
    if not here:
        raise OutsideConnectionError(f"a test tried to connect to {address}")


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Refuses connections to anything but loopback addresses, on every thread."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_outside(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_outside(self.family, address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield
