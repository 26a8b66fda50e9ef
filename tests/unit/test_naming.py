"""Names that show the owner of a resource, and that no two environments share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.environment import naming
from bivouac.environment.schedules import ScheduleKind, name_of

environments = st.from_regex(naming.ENVIRONMENT_NAME, fullmatch=True).filter(
    naming.is_environment_name
)
services = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}", fullmatch=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", ["a", "demo", "pr-17", "a1-b2", "a" * 40])
def test_a_plain_name_is_accepted(name: str) -> None:
    assert naming.is_environment_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Demo",
        "1st",
        "-a",
        "a-",
        "a--b",
        "a_b",
        "a.b",
        "a b",
        "a\n",
        "a/b",
        "é",
        "a" * 41,
        "arn:aws",
        "../x",
    ],
)
def test_a_name_that_would_break_a_derived_one_is_refused(name: str) -> None:
    """W05: one grammar, so that every derived name fits and none is ambiguous."""
    assert not naming.is_environment_name(name)


def test_the_longest_names_fit_every_limit_of_aws() -> None:
    prefix, environment = "p" * 20, "e" * naming.ENVIRONMENT_NAME_LIMIT
    service = "s" * naming.SERVICE_NAME_LIMIT
    assert len(naming.cluster_name(prefix, environment)) <= 255
    assert len(naming.family(prefix, environment, service)) <= 255
    assert len(naming.log_group(prefix, environment, service)) <= 512
    assert all(len(name_of(kind, environment)) <= 64 for kind in ScheduleKind)
    following = naming.following_execution(environment, 10**9, "arn", "sweep-20260131T1200")
    assert len(following) <= 80
    after = naming.execution_after("arn", "roll-back")
    assert len(after) <= 80
    for name in (following, after):
        assert len(naming.another_execution(name)) <= 80
    assert len(naming.proof_service(10**9, 1000)) <= 255
    assert len(naming.proof_family(prefix, environment, 1000)) <= 255
    assert len(naming.proof_log_group(prefix, environment)) <= 512
    assert len(naming.token(prefix, environment, 1, service)) <= 36


def test_a_hyphen_never_moves_from_the_environment_to_the_service() -> None:
    """Environment "a-b" with service "c" is not "a" with "b-c"."""
    assert naming.family("x", "a-b", "c") != naming.family("x", "a", "b-c")
    assert naming.log_group("x", "a-b", "c") != naming.log_group("x", "a", "b-c")


@given(environments, services, environments, services)
def test_no_two_services_of_a_stack_share_a_family_or_a_log_group(
    first: str, service: str, second: str, other: str
) -> None:
    for name in (naming.family, naming.log_group):
        same = name("bivouac", first, service) == name("bivouac", second, other)
        assert same == ((first, service) == (second, other))


@given(environments, environments, services)
def test_no_environments_prefix_covers_anothers_names(mine: str, other: str, service: str) -> None:
    """A deletion lists by prefix; it must never see another environment's resources."""
    if mine != other:
        family = naming.family("bivouac", other, service)
        assert not family.startswith(naming.family_prefix("bivouac", mine))
        group = naming.log_group("bivouac", other, service)
        assert not group.startswith(naming.log_group_prefix("bivouac", mine))


def test_proof_resources_have_reserved_names() -> None:
    service = naming.proof_service(3, 1)
    assert service == "bivouac-proof-3-1"
    assert service.startswith(naming.PROOF_PREFIX)
    assert naming.PROOF_PREFIX.startswith(naming.RESERVED_SERVICE_PREFIX)


def test_a_deletion_finds_proof_resources_beside_the_services() -> None:
    """D14, D18: it lists by the environment's prefixes."""
    family = naming.proof_family("bivouac", "demo", 1)
    assert family.startswith(naming.family_prefix("bivouac", "demo"))
    group = naming.proof_log_group("bivouac", "demo")
    assert group.startswith(naming.log_group_prefix("bivouac", "demo"))


def test_each_generation_has_its_own_proof_services_and_shares_their_families() -> None:
    """S02: a new service never meets the draining one before it; T03: equal definitions are one."""
    names = {naming.proof_service(generation, n) for generation in (1, 2) for n in (1, 2)}
    assert len(names) == 4


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8")) | st.integers(), max_size=4))
def test_a_token_is_the_same_for_the_same_parts(parts: list[object]) -> None:
    """S01, N02: a repeated call must have the first one's token."""
    token = naming.token(*parts)
    assert token == naming.token(*parts)
    assert len(token) == 32
    assert token.isalnum()


def test_tokens_of_different_generations_differ() -> None:
    assert naming.token("bivouac", "demo", 1, "web") != naming.token("bivouac", "demo", 2, "web")
    assert naming.token("ab", "c") != naming.token("a", "bc")


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_equal_content_has_one_hash_whatever_the_order_of_its_keys(
    content: dict[str, object],
) -> None:
    turned = dict(reversed(content.items()))
    assert naming.content_hash(content) == naming.content_hash(turned)


def test_different_content_has_different_hashes() -> None:
    """T03: the hash decides whether a revision is registered."""
    assert naming.content_hash({"cpu": "256"}) != naming.content_hash({"cpu": "512"})
    assert naming.content_hash({"a": [1, 2]}) != naming.content_hash({"a": [2, 1]})
    assert naming.content_hash({"a": None}) != naming.content_hash({})


@pytest.mark.parametrize(
    ("tags", "owned"),
    [
        ({"bivouac:stack": "s", "bivouac:environment": "e", "team": "x"}, True),
        ({"bivouac:stack": "s"}, False),
        ({"bivouac:environment": "e"}, False),
        ({"bivouac:stack": "other", "bivouac:environment": "e"}, False),
        ({"bivouac:stack": "s", "bivouac:environment": "other"}, False),
        ({"BIVOUAC:STACK": "s", "bivouac:environment": "e"}, False),
        ({}, False),
    ],
)
def test_only_both_tags_make_a_resource_ours(tags: dict[str, str], owned: bool) -> None:
    """D18."""
    assert naming.is_owned(tags, "s", "e") is owned
    assert naming.is_owned(naming.ownership_tags("s", "e"), "s", "e")
