"""Status documents, plans, lists and receipts as Markdown, for pull requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bivouac_cli.doctor.finding import Finding
from bivouac_cli.progress import edge_name
from bivouac_cli.text import LIST_COLUMNS, headline, lease, list_rows, plan_lines

Json = Mapping[str, Any]


def findings_markdown(findings: Sequence[Finding]) -> Iterator[str]:
    yield from _table(
        ("check", "verdict", "reason", "mend"),
        [(each.check, each.verdict, each.reason, each.mend) for each in findings],
    )


def status_markdown(status: Json) -> Iterator[str]:
    yield f"### {_plain(status['name'])}: {_plain(headline(status))}"
    yield ""
    for each in status["urls"]:
        proven = "" if each["proven"] else " (not proven)"
        yield f"- {_plain(each['service'])}: <{each['url']}>{proven}"
    if status["noUrlBecause"]:
        yield f"- no URL: {_plain(status['noUrlBecause'])}"
    yield f"- lease: {lease(status)}"
    yield ""
    yield from _table(
        ("service", "state", "tasks", "image"),
        [
            (
                each["name"],
                each["because"] or each["state"],
                f"{each['running']} of {each['desired']}",
                ", ".join(str(image["image"]) for image in each["images"]),
            )
            for each in status["services"]
        ],
    )
    if status["edges"]:
        yield ""
        yield from _table(
            ("edge", "alias", "proven"),
            [(edge_name(edge), edge["alias"], edge["at"] or "no") for edge in status["edges"]],
        )
    if status["diagnosis"]:
        yield ""
        yield from _fenced(str(status["diagnosis"]["cause"]))


def plan_markdown(plan: Json) -> Iterator[str]:
    headline, *lines = plan_lines(plan)
    yield f"### {_plain(headline)}"
    yield ""
    yield from _fenced("\n".join(lines))


def receipt_markdown(receipt: Json) -> Iterator[str]:
    yield f"### {_plain(receipt['name'])}: {receipt['status']} at {receipt['at']}"
    yield ""
    yield from _table(
        ("resource", "name", "outcome", "reason"),
        [
            (item["kind"], item["name"], item["outcome"], item.get("reason", ""))
            for item in receipt["items"]
        ],
    )


def list_markdown(environments: Sequence[Json]) -> Iterator[str]:
    yield from _table(LIST_COLUMNS, list_rows(environments))


def failure_markdown(error: str, cause: str) -> Iterator[str]:
    yield f"### {_plain(error)}"
    yield ""
    yield from _fenced(cause)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(_plain, row))} |"


def _fenced(text: str) -> Iterator[str]:
    """The fence is longer than any in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence
    yield from text.splitlines()
    yield fence


def _plain(text: str) -> str:
    """Nothing in it is markup, a link or a mention."""
    escaped = re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", " ".join(text.split()))
    return escaped.replace("@", "@\u200b")
