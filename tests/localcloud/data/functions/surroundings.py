"""Handlers that return what they see."""

import http.client
import os
import socket
import sys
import time
from typing import Any


def look(event: Any, context: Any) -> dict[str, Any]:
    return {
        "environment": dict(os.environ),
        "path": sys.path,
        "modules": sorted(sys.modules),
        "pid": os.getpid(),
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "request": context.aws_request_id,
        "remaining": context.get_remaining_time_in_millis(),
        "trace": os.environ["_X_AMZN_TRACE_ID"],
        "event": event,
    }


def echo(event: Any, context: Any) -> Any:
    print(f"said {event}")
    sys.stderr.write("and this went to standard error\n")
    return event


def get(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP request like the probes'."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(event["host"], event["port"], timeout=event["timeout"])
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read().decode()}
    except OSError as error:
        waited = time.monotonic() - began
        kind = "gaierror" if isinstance(error, socket.gaierror) else type(error).__name__
        return {"error": kind, "waited": waited}
    finally:
        connection.close()


def pauses(event: dict[str, float], context: Any) -> float:
    began = time.monotonic()
    time.sleep(event["seconds"])
    return time.monotonic() - began
