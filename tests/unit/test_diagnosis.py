"""Why a service does not become healthy, as early as the evidence allows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac import diagnosis
from bivouac.diagnosis import Category, Verdict

TASK = "arn:aws:ecs:ap-northeast-1:123456789012:task/bivouac-demo/0123"


def stopped(reason: str, *containers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"taskArn": TASK, "stoppedReason": reason, "containers": list(containers), **changes}


def exited(code: int | None, reason: str = "", name: str = "web") -> dict[str, Any]:
    return {"name": name, "exitCode": code, "reason": reason}


STOPS: list[tuple[str, str, Category, int]] = [
    (
        "H07 no such image",
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            "resolve ref docker.io/library/nope:latest: not found"
        ),
        Category.IMAGE_PULL,
        1,
    ),
    ("H07 manifest unknown", "CannotPullContainerError: manifest unknown", Category.IMAGE_PULL, 1),
    (
        "H07 denied",
        "CannotPullContainerError: pull access denied, 403 Forbidden",
        Category.IMAGE_PULL,
        1,
    ),
    ("H07 time-out", "CannotPullContainerError: dial tcp: i/o timeout", Category.IMAGE_PULL, 2),
    ("H07 rate limit", "CannotPullContainerError: toomanyrequests", Category.IMAGE_PULL, 2),
    (
        "architecture",
        (
            "CannotPullContainerError: image Manifest does not contain descriptor matching "
            "platform 'linux/amd64'"
        ),
        Category.ARCHITECTURE,
        1,
    ),
    (
        "H08 secrets",
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed"
        ),
        Category.SECRET_OR_ROLE,
        2,
    ),
    (
        "H09 log group",
        (
            "ResourceInitializationError: failed to validate logger args: create stream has been "
            "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: "
            "The specified log group does not exist."
        ),
        Category.LOG_GROUP,
        2,
    ),
    (
        "H10 memory",
        "OutOfMemoryError: Container killed due to memory usage",
        Category.OUT_OF_MEMORY,
        2,
    ),
    ("H11 exit", "Essential container in task exited", Category.EXIT, 2),
    ("health check", "Task failed container health checks", Category.HEALTH_CHECK, 2),
    (
        "H18 role",
        (
            "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for "
            "this task."
        ),
        Category.SECRET_OR_ROLE,
        2,
    ),
    ("H14 spot", "Your Spot Task was interrupted.", Category.CAPACITY, 2),
    (
        "network",
        "Timeout waiting for network interface provisioning to complete.",
        Category.NETWORK,
        2,
    ),
    ("H10 anything else", "ContainerRuntimeTimeoutError: x", Category.UNKNOWN, 2),
]


@pytest.mark.parametrize(
    ("reason", "category", "needed"), [case[1:] for case in STOPS], ids=[case[0] for case in STOPS]
)
def test_a_stopped_task_is_evidence_of_one_kind(
    reason: str, category: Category, needed: int
) -> None:
    """H07 to H11, H14, H18: what cannot heal needs one stop, everything else two of a kind."""
    before = diagnosis.of_stopped_tasks("web", [stopped(reason)] * (needed - 1))
    verdict = diagnosis.of_stopped_tasks("web", [stopped(reason)] * needed)
    assert before is None
    assert verdict is not None
    assert verdict.category is category
    assert verdict.service == "web"
    assert verdict.task == TASK
    assert reason in verdict.evidence
    assert verdict.next_step


def test_a_wrong_architecture_shows_in_the_containers_exit() -> None:
    reason = "exec /app: exec format error"
    task = stopped("Essential container in task exited", exited(1, reason))
    verdict = diagnosis.of_stopped_tasks("web", [task])
    assert verdict is not None
    assert verdict.category is Category.ARCHITECTURE


def test_the_failing_container_is_named_and_not_the_proxy() -> None:
    """H11, H24: failedTasks need not count tasks that reached RUNNING, so we count."""
    task = stopped(
        "Essential container in task exited",
        exited(0, name="sidecar"),
        exited(137, name="ecs-service-connect-x"),
        exited(3, name="web"),
    )
    verdict = diagnosis.of_stopped_tasks("web", [task, task])
    assert verdict is not None
    assert verdict.container == "web"
    assert "container web exited with code 3" in verdict.evidence
    assert "2 stopped task(s) of this kind" in verdict.evidence


def test_two_stops_of_different_kinds_can_still_heal() -> None:
    assert not diagnosis.of_stopped_tasks(
        "web", [stopped("OutOfMemoryError"), stopped("CannotPullContainerError: i/o timeout")]
    )


@pytest.mark.parametrize(
    "reason",
    ["Scaling activity initiated by (deployment ecs-svc/1)", "Task stopped by user", ""],
)
def test_what_was_stopped_on_purpose_is_no_failure(reason: str) -> None:
    """H06."""
    found = diagnosis.of_stopped_tasks("web", [stopped(reason)] * (1 if not reason else 3))
    assert found is None


EVENTS: list[tuple[str, str, Category | None]] = [
    (
        "H13",
        (
            "(service web) is unable to consistently start tasks successfully. For more "
            "information, see the Troubleshooting section."
        ),
        Category.UNKNOWN,
    ),
    (
        "H15 quota",
        (
            "(service web) was unable to place a task. Reason: You've reached the limit on the "
            "number of vCPUs you can run concurrently."
        ),
        Category.QUOTA,
    ),
    (
        "H15 limit",
        (
            "(service web) was unable to place a task. Reason: The requested CPU configuration "
            "is above your limit."
        ),
        Category.QUOTA,
    ),
    ("H16", "(service web) was unable to place a task. Reason: Internal error.", Category.NETWORK),
    (
        "S07",
        "(service web) SC service is already used by arn:aws:servicediscovery:x",
        Category.SERVICE_CONNECT_LEFTOVER,
    ),
    (
        "H14",
        (
            "(service web) was unable to place a task. Reason: Capacity is unavailable at this "
            "time. Please try again later or in a different availability zone."
        ),
        None,
    ),
    ("H17", "(service web) operations are being throttled. Will try again later.", None),
    (
        "H18",
        "(service web) failed to launch a task with (error ECS was unable to assume the role)",
        None,
    ),
    ("fine", "(service web) has reached a steady state.", None),
]


@pytest.mark.parametrize(
    ("message", "category"), [case[1:] for case in EVENTS], ids=[case[0] for case in EVENTS]
)
def test_an_event_ends_the_wait_only_where_nothing_can_heal(
    message: str, category: Category | None
) -> None:
    """H12 to H18, S07."""
    verdict = diagnosis.of_events("web", ["has started 1 tasks", message])
    assert (verdict.category if verdict else None) is category
    assert not verdict or verdict.evidence == (message,)


def test_no_events_mean_nothing() -> None:
    """H25."""
    assert diagnosis.of_events("web", []) is None


def test_hints_are_shown_though_they_decide_nothing() -> None:
    """H12, H17."""
    throttled = "operations are being throttled. Will try again later."
    assert diagnosis.hints(["has reached a steady state", throttled]) == [throttled]


def test_a_verdict_survives_json() -> None:
    verdict = diagnosis.rollback("web", "rolled back")
    assert Verdict.from_json(verdict.to_json()) == verdict


@pytest.mark.parametrize(
    ("line", "category"),
    [
        ("web: 172.31.0.4:80 timed out after 3 s", Category.NETWORK),
        ("web: 172.31.0.4:80 HTTP 503, server: envoy: expected 200-399", Category.CONNECTIVITY),
    ],
)
def test_an_endpoint_that_does_not_answer_is_told_from_one_that_is_not_let_in(
    line: str, category: Category
) -> None:
    """P07, P09."""
    verdict = diagnosis.not_proven("web", [line])
    assert verdict.category is category
    assert verdict.evidence == (line,)


def test_a_report_tells_the_evidence_the_last_lines_and_the_next_step() -> None:
    verdict = Verdict(Category.EXIT, "web", ("exited with code 3",), "Read it.", container="app")
    assert diagnosis.report(verdict, ["no database"]).splitlines() == [
        "web: container exit",
        "  evidence: exited with code 3",
        "  last lines of app:",
        "    no database",
        "  next step: Read it.",
    ]
    assert "last lines" not in diagnosis.report(verdict, [])


def test_running_out_of_time_tells_what_was_still_missing() -> None:
    verdict = diagnosis.out_of_time(
        "web", ["tasks running: 0 of 1"], ["has reached a steady state"]
    )
    assert verdict.category is Category.TIME_OUT
    assert verdict.evidence == ("tasks running: 0 of 1",)


def test_running_out_of_time_for_want_of_capacity_says_so() -> None:
    """H14: it could have healed, and did not until the deadline."""
    message = (
        "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. "
        "Please try again later or in a different availability zone."
    )
    verdict = diagnosis.out_of_time("web", ["tasks running: 0 of 1"], [message])
    assert verdict.category is Category.CAPACITY
    assert verdict.evidence == ("tasks running: 0 of 1", message)


def test_a_refusal_for_a_leftover_endpoint_says_what_to_do() -> None:
    """S07."""
    message = (
        "service web: CreateService answered InvalidParameterException: "
        "SC service is already used by arn:x"
    )
    verdict = diagnosis.of_refusal("demo", message)
    assert verdict is not None
    assert verdict.category is Category.SERVICE_CONNECT_LEFTOVER
    assert "discoveryName" in diagnosis.report(verdict, [])


def test_a_refusal_that_says_enough_is_left_in_its_own_words() -> None:
    assert diagnosis.of_refusal("demo", "cluster demo: access denied") is None


# --- redaction -----------------------------------------------------------------------------------

SECRET = "s3cr3t-Value/9"


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {SECRET}",
        f"authorization={SECRET}",
        f"password={SECRET}",
        f'{{"db_password": "{SECRET}"}}',
        f"API_KEY: {SECRET}",
        f"api-key='{SECRET}'",
        f"my_token = {SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"connecting to postgres://user:{SECRET}@db.internal/app",
        f"credential: {SECRET}",
    ],
)
def test_a_likely_secret_never_reaches_the_cause(line: str) -> None:
    """Failure-modes 7.2."""
    (text,) = diagnosis.redacted([line])
    assert SECRET not in text
    assert "[redacted]" in text


def test_a_long_secret_is_cut_as_a_whole() -> None:
    text = "".join(diagnosis.redacted([f'password="{"open sesame " * 200}"']))
    assert "sesame" not in text


def test_a_key_id_is_cut_and_a_plain_line_is_kept() -> None:
    (text,) = diagnosis.redacted(["used AKIAIOSFODNN7EXAMPLE"])
    assert "IOSFODNN7" not in text
    assert diagnosis.redacted(["listening on port 80"]) == ["listening on port 80"]


@given(st.lists(st.text(), max_size=60))
def test_redacted_lines_are_few_short_and_plain(lines: list[str]) -> None:
    """W08, failure-modes 7.2: bounded, and no control character reaches a terminal."""
    result = diagnosis.redacted(lines)
    assert len(result) == min(len(lines), diagnosis.LOG_LINES)
    for text in result:
        assert len(text) <= diagnosis.LOG_LINE_LENGTH
        assert not any(ord(character) < 32 and character != "\t" for character in text)


@given(
    st.sampled_from(["password", "DB_PASSWD", "client_secret", "x-token", "apikey"]),
    st.sampled_from(["=", ": ", " = "]),
    st.from_regex(r"[A-Za-z0-9/+]{12,40}", fullmatch=True),
    st.text(alphabet="ab ", max_size=10),
)
def test_a_named_secret_is_cut_wherever_it_stands(
    name: str, sign: str, secret: str, around: str
) -> None:
    (text,) = diagnosis.redacted([f"{around} {name}{sign}{secret} {around}"])
    assert secret not in text


@pytest.mark.parametrize(
    "line",
    ["a" * 100_000, "token" * 20_000, "token=" * 20_000, "x://" + "a" * 100_000 + ":"],
    ids=["a word", "keywords", "assignments", "an address"],
)
def test_a_hostile_line_costs_no_time(line: str) -> None:
    """A function has 30 seconds; a pattern that looks back again and again would use them up."""
    assert diagnosis.redacted([line] * 20)


def test_denied_is_not_taken_for_an_eni() -> None:
    """The letters of a network interface stand in many words."""
    stop = "ResourceInitializationError: something was denied"
    task = {"taskArn": "arn:task/1", "stoppedReason": stop, "containers": []}
    verdict = diagnosis.of_stopped_tasks("web", [task, task])
    assert verdict is not None
    assert verdict.category is Category.UNKNOWN
