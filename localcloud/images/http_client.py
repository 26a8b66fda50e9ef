"""curl and wget for health checks on machines that have neither. Standard library only.

    http_client.py curl|wget [options] <url>

Supports the options that health checks use; any other is an error, as with the real programs.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

_CURL_COULD_NOT_RESOLVE = 6
_CURL_COULD_NOT_CONNECT = 7
_CURL_HTTP_ERROR = 22
_WGET_NETWORK_FAILURE = 4
_WGET_SERVER_ERROR = 8


def curl(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="curl", add_help=False)
    parser.add_argument("-f", "--fail", action="store_true")
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-S", "--show-error", action="store_true")
    parser.add_argument("-L", "--location", action="store_true", help="always done")
    parser.add_argument("-I", "--head", action="store_true")
    parser.add_argument("-o", "--output")
    parser.add_argument("-m", "--max-time", "--connect-timeout", type=float)
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("url")
    options = parser.parse_args(arguments)
    headers = {}
    for header in options.header:
        name, _, value = header.partition(":")
        headers[name] = value.strip()
    request = urllib.request.Request(
        _with_scheme(options.url), headers=headers, method="HEAD" if options.head else "GET"
    )
    try:
        body = _fetch(request, options.max_time)
    except urllib.error.HTTPError as answer:
        if options.fail:
            _complain("curl", f"(22) The requested URL returned error: {answer.code}")
            return _CURL_HTTP_ERROR
        body = answer.read()
    except urllib.error.URLError as problem:
        unknown = isinstance(problem.reason, socket.gaierror)
        code = _CURL_COULD_NOT_RESOLVE if unknown else _CURL_COULD_NOT_CONNECT
        if not options.silent or options.show_error:
            _complain("curl", f"({code}) {problem.reason}")
        return code
    _write(body, options.output)
    return 0


def wget(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="wget", add_help=False)
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-nv", "--no-verbose", action="store_true")
    parser.add_argument("--spider", action="store_true")
    parser.add_argument("-O", "--output-document", default="index.html")
    parser.add_argument("-T", "--timeout", type=float)
    parser.add_argument("-t", "--tries", type=int, help="one try is enough on one machine")
    parser.add_argument("url")
    options = parser.parse_args(arguments)
    request = urllib.request.Request(
        _with_scheme(options.url), method="HEAD" if options.spider else "GET"
    )
    try:
        body = _fetch(request, options.timeout)
    except urllib.error.HTTPError as answer:
        _complain("wget", f"server returned error: HTTP/1.1 {answer.code} {answer.reason}")
        return _WGET_SERVER_ERROR
    except urllib.error.URLError as problem:
        _complain("wget", str(problem.reason))
        return _WGET_NETWORK_FAILURE
    if not options.spider:
        _write(body, options.output_document)
    return 0


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _fetch(request: urllib.request.Request, timeout: float | None) -> bytes:
    """The body. A failed connection raises URLError, whose reason is the original error."""
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            body: bytes = answer.read()
            return body
    except (http.client.HTTPException, ConnectionError, TimeoutError) as problem:
        raise urllib.error.URLError(problem) from problem


def _write(body: bytes, where: str | None) -> None:
    if where in (None, "-"):
        sys.stdout.buffer.write(body)
    else:
        Path(str(where)).write_bytes(body)


def _complain(program: str, text: str) -> None:
    print(f"{program}: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit({"curl": curl, "wget": wget}[sys.argv[1]](sys.argv[2:]))
