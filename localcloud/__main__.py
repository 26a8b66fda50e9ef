"""Keeps the local cloud up in a terminal, with Bivouac deployed, until Ctrl-C."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time

from localcloud.cloud import LocalCloud
from localcloud.errors import CannotStartError
from localcloud.stack import TEMPLATE, endpoint_port, parameters, timings
from localcloud.template import Stack
from localcloud.watch import Watch

LOOK_EVERY = 0.2
"""Seconds."""
_REQUEST = TEMPLATE.parent / "events" / "tutorial.json"


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with LocalCloud(timings(), port=endpoint_port()) as cloud:
            stack = cloud.deploy(TEMPLATE, parameters(cloud.account))
            print(_introduction(cloud, stack), flush=True)
            records = stack.outputs["EnvironmentsTableName"]
            watch = Watch(cloud.control_plane, cloud.client("dynamodb"), records)
            while not ended.wait(LOOK_EVERY):
                for change in watch.changes():
                    now = time.strftime("%H:%M:%S")
                    print(f"{now}  {change.subject}: {change.state}", flush=True)
    except CannotStartError as error:
        return _complain(str(error))
    print("The local cloud has ended; nothing of it is left.")
    return 0


def _complain(problem: str) -> int:
    print(f"The local cloud cannot start: {problem}", file=sys.stderr)
    return 1


def _introduction(cloud: LocalCloud, stack: Stack) -> str:
    keys = cloud.credentials.user
    request = json.loads(_REQUEST.read_text())
    cluster = f"{stack.parameters['NamePrefix']}-{request['name']}"
    service = request["services"][0]["serviceName"]
    port = cloud.endpoint_url.rpartition(":")[2]
    width = max(map(len, stack.outputs))
    outputs = "\n".join(f"  {name:{width}}  {value}" for name, value in stack.outputs.items())
    return f"""\
The local cloud is up at {cloud.endpoint_url}, until Ctrl-C. The stack {stack.name} is deployed:

{outputs}

Paste into another terminal, for bivouac (pip install .), the AWS CLI and any other client:

export AWS_ENDPOINT_URL={cloud.endpoint_url}
export AWS_ACCESS_KEY_ID={keys.access_key_id}
export AWS_SECRET_ACCESS_KEY={keys.secret_access_key}
export AWS_DEFAULT_REGION={cloud.account.region}

bivouac up {_REQUEST.relative_to(TEMPLATE.parent)}
aws ecs describe-services --cluster {cluster} --services {service}
curl http://{service}.{cluster}.localhost:{port}/
"""


if __name__ == "__main__":
    sys.exit(main())
