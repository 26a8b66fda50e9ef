"""A create and a delete, undisturbed and killed after each change of the step with the most
changes.

`make endure` interrupts them at every call, with every kind of fault.
"""

from __future__ import annotations

from tests.faults.copies import copies
from tests.faults.injection import Fault
from tests.faults.interruptions import Disturbance, run, undisturbed
from tests.functional.account import bivouac_account
from tests.functional.inventory import foreign_neighbours
from tests.functional.machines import outcomes


def test_an_undisturbed_run_creates_one_of_each_and_deletes_everything() -> None:
    """D14, D16, D18: the reference for every disturbed run below."""
    created, deleted = undisturbed()

    assert [line for line in created.left["namespaces"] if line == "bivouac-demo"]
    assert len([line for line in created.left["clusters"] if line.startswith("bivouac-demo ")]) == 1
    assert [line for line in created.left["services"] if line.startswith("bivouac-demo/")] == [
        "bivouac-demo/web ACTIVE 1/1, 1 deployment(s), bivouac-demo--web:1",
    ]
    assert created.left["records"] == ["demo 1 READY"]
    assert created.left["schedules"] == ["demo-expiry", "demo-warning"]

    assert deleted.output["status"] == "DELETED"
    assert deleted.left["records"] == ["demo 2 DELETED"]
    assert deleted.left["schedules"] == []
    assert {key: lines for key, lines in deleted.left.items() if key != "records"} == {
        "clusters": ["bivouac-demo-2 ACTIVE not ours", "theirs ACTIVE not ours"],
        "services": ["theirs/web ACTIVE 1/1, 1 deployment(s), theirs:1"],
        "tasks": ["theirs service:web RUNNING"],
        "definitions": [
            "bivouac-demo--webshop:1 ACTIVE",
            "bivouac-demo-2--web:1 ACTIVE",
            "theirs:1 ACTIVE",
        ],
        "namespaces": ["theirs"],
        "discovery": ["web with 1 instance(s)"],
        "logs": ["/bivouac-demo-2/web None", "/bivouac-demo/theirs None", "/theirs None"],
        "schedules": [],
    }
    retained = [key for key, outcome in outcomes(deleted.output).items() if outcome == "RETAINED"]
    assert sorted(name.rpartition("/")[2] for _, name in retained) == [
        "bivouac-demo--webshop:1",
        "theirs",
    ]


def test_a_create_killed_while_creating_services_ends_like_an_undisturbed_one() -> None:
    """S01, S20, W17: safe to repeat, nothing is created twice."""
    wanted = undisturbed()[0]
    with bivouac_account() as account:
        foreign_neighbours(account)
        with copies() as copied:
            disturbance = Disturbance(
                account, copied, "create_services", (Fault.KILLED,), deletes=False
            )
            with disturbance.ends:
                done = run(account, deletes=False, before_step=disturbance)
            assert disturbance.struck
            assert done.left == wanted.left
            assert done.output["status"] == "READY"
