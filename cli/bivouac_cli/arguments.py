"""The command line's arguments, with an example for each command."""

from __future__ import annotations

import argparse
import re
from typing import Any

from bivouac_cli.durations import seconds_of

STATUS_WORDS = (
    *("SCHEDULED", "CREATING", "READY", "DEGRADED", "FAILED", "FALLING_ASLEEP", "ASLEEP"),
    *("WAKING", "DELETING", "NOT_DELETED", "ORPHANED"),
)
"""Those by which a list can be filtered."""

_EXAMPLES = """\
examples:
  bivouac up shop.json                      create it, wait, print the proof or the diagnosis
  bivouac ls --owner team-shop              what there is
  bivouac get shop --output json            everything about it
  bivouac redeploy shop web=acme/web:483    run another image, and prove it
  bivouac extend shop --ttl 4h              keep it longer
  bivouac down shop                         delete it, and print the receipt

exit codes: 0 done; 1 failed; 2 refused or wrongly called; 3 still running when the time was over;
4 superseded by something newer; 5 no rights, no stack, or not found
"""


def _duration(text: str) -> int:
    try:
        return seconds_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _lease(text: str) -> str:
    _duration(text)
    return text


def _pull_request(text: str) -> dict[str, Any]:
    match = re.fullmatch(r"(.+)#([0-9]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no pull request: write acme/shop#482")
    return {"repository": match[1], "number": int(match[2])}


def _image(text: str) -> dict[str, str]:
    service, equals, image = text.partition("=")
    if not service or (equals and not image):
        raise argparse.ArgumentTypeError(f"{text!r}: write SERVICE=IMAGE, or SERVICE to restart it")
    return {"serviceName": service, "image": image} if image else {"serviceName": service}


def _everywhere(**default: Any) -> argparse.ArgumentParser:
    """Options that may come before or after the command."""
    options = argparse.ArgumentParser(add_help=False, **default)
    aws = options.add_argument_group("everywhere")
    aws.add_argument("--stack", metavar="NAME", help="the stack's name (bivouac)")
    aws.add_argument("--region", metavar="REGION", help="its Region, if not the profile's")
    aws.add_argument("--profile", metavar="PROFILE", help="an AWS profile")
    aws.add_argument("--endpoint-url", metavar="URL", help="another AWS, such as the local cloud")
    aws.add_argument(
        "--output", choices=["table", "json", "markdown"], help="how to print the answer (table)"
    )
    return options


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="bivouac",
        description="Short-lived Amazon ECS Service Connect environments, with your AWS rights.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_everywhere()],
    )
    top.set_defaults(stack="bivouac", output="table")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    suppressed = _everywhere(argument_default=argparse.SUPPRESS)

    def command(name: str, summary: str, example: str, **more: Any) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[suppressed],
            **more,
        )

    def of_one(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        made = command(name, summary, example)
        made.add_argument("name", metavar="NAME", help="the environment")
        return made

    def waits(made: argparse.ArgumentParser, timeout: str) -> None:
        made.add_argument("--no-wait", action="store_true", help="end once it has begun")
        _timeout(made, timeout)

    up = command("up", "create or change an environment", "bivouac up shop.json --name pr-482")
    up.add_argument("file", metavar="FILE", help="a request as JSON; - is the standard input")
    up.add_argument("--name", help="another name than the request's")
    up.add_argument("--ttl", type=_lease, help="another lease than the request's, such as 8h")
    up.add_argument("--dry-run", action="store_true", help="print the plan, and make nothing")
    waits(up, "40m")

    ls = command("ls", "list environments", "bivouac ls --pull-request acme/shop#482")
    ls.add_argument("--owner")
    ls.add_argument("--status", choices=STATUS_WORDS, metavar="STATUS", help=" ".join(STATUS_WORDS))
    ls.add_argument("--pull-request", type=_pull_request, metavar="REPO#N")

    get = of_one("get", "show what an environment is now", "bivouac get shop --watch")
    get.add_argument("--watch", action="store_true", help="go on until Ctrl-C")

    wait = of_one("wait", "wait for what is under way", "bivouac wait shop --for deleted")
    wait.add_argument("--for", dest="wanted", choices=["ready", "deleted", "asleep"])
    wait.set_defaults(wanted="ready")
    _timeout(wait, "40m")

    logs = of_one("logs", "print what its containers say", "bivouac logs shop web --follow")
    logs.add_argument("service", nargs="?", metavar="SERVICE", help="all, if none is named")
    of_service = logs.add_mutually_exclusive_group()
    of_service.add_argument("--container", metavar="C", help="one container's lines only")
    of_service.add_argument("--proxy", action="store_true", help="the Service Connect proxy's")
    logs.add_argument(
        "--since",
        type=_duration,
        default=seconds_of("1h"),
        metavar="TIME",
        help="as long ago as this (1h)",
    )
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")

    shell = of_one("exec", "run a command in a container", "bivouac exec shop web -- /bin/sh")
    shell.add_argument("service", metavar="SERVICE")
    shell.add_argument("--container", metavar="C", help="if the task has several")
    shell.add_argument("words", nargs="+", metavar="COMMAND", help="after --")

    redeploy = of_one(
        "redeploy", "run new images, or the same again", "bivouac redeploy shop web=acme/web:483"
    )
    redeploy.add_argument("images", nargs="*", type=_image, metavar="SERVICE[=IMAGE]")
    waits(redeploy, "40m")

    rollback = of_one("rollback", "go back to what was last proven", "bivouac rollback shop")
    waits(rollback, "40m")

    extend = of_one("extend", "let the lease end later", "bivouac extend shop --ttl 4h")
    longer = extend.add_mutually_exclusive_group(required=True)
    longer.add_argument("--ttl", type=_lease, help="from now, such as 4h")
    longer.add_argument("--keep", action="store_true", help="as long as the environment may live")
    _timeout(extend, "5m")

    waits(of_one("sleep", "stop all tasks, and keep the rest", "bivouac sleep shop"), "20m")
    waits(of_one("wake", "run and prove what sleeps", "bivouac wake shop"), "40m")
    waits(of_one("down", "delete an environment", "bivouac down shop"), "40m")
    of_one("receipt", "print what a deletion deleted", "bivouac receipt shop")
    of_one("comment", "print Markdown for a pull request", "bivouac comment shop")

    command("doctor", "name what will not work, before anybody meets it", "bivouac doctor")

    init = command(
        "init",
        "print a request for services that run on ECS today",
        "bivouac init --cluster prod --service web --service api > request.json",
    )
    init.add_argument("files", nargs="*", metavar="FILE", help="definitions as JSON, instead")
    init.add_argument("--cluster", metavar="C", help="the services of this cluster")
    init.add_argument(
        "--service", action="append", default=[], metavar="S", help="only this one; repeat it"
    )
    init.add_argument("--name", help="the environment's name (the cluster's, or the service's)")
    return top


def _timeout(made: argparse.ArgumentParser, default: str) -> None:
    made.add_argument(
        "--timeout",
        type=_duration,
        default=seconds_of(default),
        metavar="TIME",
        help=f"stop waiting after so long ({default}); the environment goes on",
    )
