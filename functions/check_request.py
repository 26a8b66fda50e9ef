"""Check request: reports every problem of the request at once, or plans it. Creates nothing."""

from __future__ import annotations

import os

from bivouac import clock
from bivouac.aws import clients
from bivouac.commands.request_check import RequestCheck
from bivouac.observability import Event, step
from bivouac.settings import RequestSettings
from bivouac.stack import records


@step
def handler(event: Event) -> Event:
    return RequestCheck(
        clock.now(),
        RequestSettings.from_env({**os.environ, **event["settings"]}),
        records(),
        clients.ecs(),
        clients.servicediscovery(),
        clients.ec2(),
    ).answer(event)
