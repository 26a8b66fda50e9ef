"""What `make deploy` and `make undeploy` do, step by step, and with which settings."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.template.declared import PROJECT

SAMCONFIG = tomllib.loads((PROJECT / "samconfig.toml").read_text())
PREPARE = "-m deployment prepare"
PROTECT = "-m deployment protect"
RELEASE = "-m deployment release"


def commands(target: str) -> list[str]:
    """What make would run, without what it would install."""
    # Otherwise make asks every Python of the machine for its version, each time it needs one.
    named = f"PYTHON={sys.executable}"
    done = subprocess.run(
        ["make", "--dry-run", named, target],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    words = (PREPARE, "sam build", "sam validate", "sam deploy", "sam delete", PROTECT, RELEASE)
    found = []
    for line in done.stdout.splitlines():
        found += [word for word in words if word in line]
    return found


def test_a_deployment_ends_with_protecting_the_stack() -> None:
    assert commands("deploy") == [PREPARE, "sam build", "sam validate", "sam deploy", PROTECT]


def test_a_stack_is_released_before_it_is_deleted() -> None:
    """Leftovers are found before anything is changed."""
    assert commands("undeploy") == [RELEASE, "sam delete"]


def test_deploying_without_changes_is_no_failure() -> None:
    """SAM's default is to fail (its CLI reference, sam deploy, --fail-on-empty-changeset)."""
    deploy = SAMCONFIG["default"]["deploy"]["parameters"]
    assert deploy["fail_on_empty_changeset"] is False


def test_only_the_needed_capability_is_acknowledged() -> None:
    assert SAMCONFIG["default"]["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"
