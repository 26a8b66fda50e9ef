"""The environment that the suite creates: a web that calls an api that calls a backend.

All images are public, in Amazon ECR Public.
"""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

PYTHON = "public.ecr.aws/docker/library/python:3.13-alpine"
NGINX = "public.ecr.aws/docker/library/nginx:1.29"
NO_IMAGE = "public.ecr.aws/docker/library/nginx:no-such-tag"

WEB, API, BACKEND = "web", "api", "backend"
PORTS = {WEB: 80, API: 8080, BACKEND: 9090}

_PROGRAM = """
import http.server, os, signal, sys, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer, upstream = os.environ["SAYS"], os.environ.get("UPSTREAM")
        if upstream and self.path != "/health":
            answer += " " + urllib.request.urlopen(upstream, timeout=5).read().decode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer.encode())

class Server(http.server.ThreadingHTTPServer):
    allow_reuse_port = True

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
Server(("", int(sys.argv[1])), Handler).serve_forever()
"""
"""Answers with its text and its upstream's answer; ends on SIGTERM. Others may listen on its port
too: on the local cloud the alias with the same port is in the same network."""


def shop(name: str, backend_says: str = "42 oranges in stock") -> Json:
    return {
        "name": name,
        "lease": {"ttl": "1h"},
        "timeouts": {"ready": "15m"},
        "services": [
            _python(BACKEND, SAYS=backend_says),
            {
                **_python(API, SAYS="the api", UPSTREAM="http://backend:9090/"),
                "dependsOn": [{"serviceName": BACKEND, "condition": "HEALTHY"}],
            },
            {
                "serviceName": WEB,
                "primaryContainer": {"image": NGINX, "containerPort": PORTS[WEB]},
            },
        ],
        "connect": [
            {"from": WEB, "to": {"service": API, "path": "/"}, "expectStatus": "200"},
            {"from": API, "to": {"service": BACKEND, "path": "/health"}, "expectStatus": "200"},
        ],
    }


def refused(name: str) -> Json:
    """One that cannot work: two problems, reported together."""
    request = copy.deepcopy(shop(name))
    request["services"][0]["primaryContainer"]["containerPort"] = 0
    request["connect"][0]["to"]["service"] = "nobody"
    return request


def _python(name: str, **environment: str) -> Json:
    port = PORTS[name]
    question = f"import urllib.request as u; u.urlopen('http://localhost:{port}/health')"
    return {
        "serviceName": name,
        "primaryContainer": {
            "image": PYTHON,
            "containerPort": port,
            "command": ["python", "-c", _PROGRAM, str(port)],
            "environment": [{"name": key, "value": value} for key, value in environment.items()],
            "healthCheck": {
                "command": ["CMD", "python", "-c", question],
                "interval": 5,
                "timeout": 3,
                "startPeriod": 10,
            },
        },
    }
