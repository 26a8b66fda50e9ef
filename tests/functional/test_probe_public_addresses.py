"""Probe public addresses: the handler; tests/unit covers what counts as proof."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from bivouac.proof import asking
from tests.functional.account import BivouacAccount


def target(port: int, **changes: Any) -> dict[str, Any]:
    return {
        "service": "web",
        "endpoint": "web",
        "protocol": "tcp",
        "port": port,
        "path": "/",
        "lowest_status": 200,
        "highest_status": 399,
        "tasks": 1,
        "private_addresses": ["127.0.0.1"],
        "public_addresses": ["127.0.0.1"],
        "not_public": "",
        **changes,
    }


def test_the_public_address_is_probed_and_aws_is_not_called(
    account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11: addresses that an earlier step observed; no AWS call, no URL."""
    monkeypatch.setattr(asking, "TCP_OPEN_SECONDS", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asked = target(listener.getsockname()[1], private_addresses=["192.0.2.1"])
        answer = account.invoke("probe_public_addresses", {"targets": [asked]})
    assert answer["proven"] is True
    assert answer["checks"][0]["outcome"] == "OK"
    assert account.calls == []
