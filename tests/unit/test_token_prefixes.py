"""What deployment/token_prefixes.py reads from the rules of gitleaks."""

from __future__ import annotations

from bivouac.redaction.token_prefixes import PREFIXES
from deployment.token_prefixes import prefixes


def test_literal_token_prefixes_are_extracted() -> None:
    rules = [
        {"regex": r"gh[pu]_[0-9a-zA-Z]{36}"},
        {"regex": r"\b((?:sk|rk)_(?:test|live)_[a-zA-Z0-9]{10,99})(?:[\s;]|\\[nr]|$)"},
        {"regex": r"(?i)[\w.-]{0,50}?(?:yandex)(?:[ \t\w.-]{0,20})=(AQVN[\w-]{35})"},
    ]
    assert prefixes(rules) == [
        "AQVN",
        "ghp_",
        "ghu_",
        "rk_live_",
        "rk_test_",
        "sk_live_",
        "sk_test_",
    ]


def test_a_prefix_of_ordinary_words_is_not_extracted() -> None:
    rules = [
        {"regex": r"(?i)\bkind:[ \t]*secret"},
        {"regex": r"[a-f0-9]{32}-us[0-9]{1,2}"},
        {"regex": r"\bey[a-zA-Z0-9]{17,}"},
        {"path": "no expression"},
    ]
    assert prefixes(rules) == []


def test_the_shipped_prefixes_are_sorted_and_no_words() -> None:
    shipped = PREFIXES.split()
    assert shipped == sorted(set(shipped))
    assert len(shipped) > 100
    assert not [prefix for prefix in shipped if prefix.isalpha() and prefix.islower()]
