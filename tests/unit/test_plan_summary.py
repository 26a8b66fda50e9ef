"""A dry run's answer: the plan in the request's words."""

from __future__ import annotations

import json
from typing import Any

from bivouac.request.planning.plan import plan
from bivouac.request.planning.summary import summary
from bivouac_cli.markdown import plan_markdown
from bivouac_cli.text import plan_lines
from tests import requests
from tests.requests import environment, event, web


def summary_of(content: Any) -> dict[str, Any]:
    found = plan(content, requests.settings(), requests.NOW)
    assert found.blueprint is not None, found.problems
    return summary(found.blueprint, found.notes)


PASTED = environment(
    {
        "serviceName": "web",
        "status": "ACTIVE",
        "runningCount": 1,
        "desiredCount": 2,
        "launchType": "",
        "cluster": "old",
        "taskDefinition": {
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [
                {"name": "app", "image": "nginx", "portMappings": [{"containerPort": 80}]}
            ],
        },
        "loadBalancers": [{"containerName": "app", "containerPort": 80}],
    }
)


def test_it_names_services_endpoints_aliases_and_edges() -> None:
    answer = summary_of(event("shop"))
    api = next(each for each in answer["services"] if each["name"] == "api")
    assert api["endpoints"] == [
        {"portName": "api", "port": 8080, "protocol": "http", "aliases": ["api:8080"]}
    ]
    assert api["dependsOn"] == [{"serviceName": "backend", "condition": "HEALTHY"}]
    assert answer["edges"][0] == {
        "from": "web",
        "to": "api:api",
        "alias": "api:8080",
        "proof": "GET / answers 200",
    }
    assert (answer["outcome"], answer["lease"]) == ("PLANNED", "4h")


def test_it_lists_every_field_not_used_as_written_by_reason() -> None:
    answer = summary_of(PASTED)
    assert answer["dropped"] == [
        {"path": "services[0]", "fields": ["status", "runningCount"], "why": "ECS fills it in"},
        {"path": "services[0]", "fields": ["launchType"], "why": "empty"},
    ]
    (taken,) = answer["takenOver"]
    assert (taken["path"], taken["fields"]) == ("services[0]", ["loadBalancers[0]"])
    (renamed,) = answer["renamed"]
    assert (renamed["given"], renamed["used"]) == ("old", "bivouac-demo")


def test_what_is_replaced_in_the_defaults_is_told_once_there() -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-theirs"]}}
    defaults = {"cluster": "old", "networkConfiguration": network}
    answer = summary_of(environment(web(), web(serviceName="shop"), defaults=defaults))
    assert [(each["path"], each["given"]) for each in answer["renamed"]] == [
        ("defaults.cluster", "old")
    ]
    assert {each["path"] for each in answer["replaced"]} == {
        "defaults.networkConfiguration.awsvpcConfiguration"
    }


def test_the_text_form_has_a_line_for_each_entry() -> None:
    lines = list(plan_lines(summary_of(PASTED)))
    assert lines[0] == "demo: a plan; nothing was made"
    assert "  web                   2 x nginx (256 CPU, 512 MiB), tcp web:80" in lines
    assert "  anyone -> web:app-80  web:80: a connection stays open (tcp)" in lines
    assert "  services[0].status, runningCount: ECS fills it in" in lines
    assert lines.index("left out:") < lines.index("renamed:")
    markdown = list(plan_markdown(summary_of(PASTED)))
    assert markdown[0] == "### demo: a plan; nothing was made"
    assert markdown[2] == markdown[-1] == "```"


def test_whatever_is_pasted_the_answer_fits_a_state() -> None:
    """256 KB of a request, as nulls: Step Functions holds 262,144 bytes."""
    nulls = [None] * 50_000
    content = environment({**PASTED["services"][0], "dependsOn": nulls, "probe": nulls[:9]})
    answer = summary_of(content)
    assert len(json.dumps(answer)) < 10_000
    assert "and 49990 more" in [each["fields"][-1] for each in answer["dropped"]]
