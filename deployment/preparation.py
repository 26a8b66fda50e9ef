"""What `make deploy` does before it builds: credentials, answers, and what will not work."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bivouac_cli.clients import Clients
from bivouac_cli.doctor.account import Account
from bivouac_cli.doctor.examination import Examination
from bivouac_cli.doctor.finding import Verdict, finding_lines
from deployment.answers import NotATableError, kept, with_answers, with_region
from deployment.parameters import Parameter, parameters_of
from deployment.protection import Target
from deployment.questions import asked


def prepare(
    samconfig: Path,
    template: Mapping[str, Any],
    changes: Sequence[str],
    account_of: Callable[[Target], Account],
    ask: Callable[[str], str] = input,
    tell: Callable[[str], None] = print,
) -> str:
    """Why the stack cannot be deployed; empty if it can. The answers are kept in samconfig.toml
    before anything is built. `changes`: NAME=VALUE, of answers."""
    text = samconfig.read_text(encoding="utf-8")
    content = tomllib.loads(text)
    target = Target.of(content)
    account = account_of(target)
    first = next(Examination(account, target.stack_name, {}).findings())
    if first.verdict is Verdict.NG:
        return first.reason
    tell(f"Deploying {target.stack_name} as {first.reason}.")
    parameters = list(parameters_of(template))
    given = kept(content)
    changed, why = _changed(parameters, given, changes)
    if why:
        return why
    try:
        answers = asked(parameters, changed, ask, tell, everything=not given)
        if answers != given:
            text = with_answers(text, answers)
    except EOFError:
        return f"Nobody answers. Run make deploy in a terminal, or write answers into {samconfig}"
    except NotATableError:
        return f"The parameters in {samconfig} are no table: change them there"
    if target.region is None:
        text = with_region(text, account.region)
    samconfig.write_text(text, encoding="utf-8")
    defaults = {each.name: each.default or "" for each in parameters}
    examination = Examination(account, target.stack_name, {**defaults, **answers})
    tell("")
    for line in finding_lines(list(examination.findings())[1:]):
        tell(line)
    return ""


def _changed(
    parameters: Sequence[Parameter], given: Mapping[str, str], changes: Sequence[str]
) -> tuple[dict[str, str], str]:
    """The answers after the changes, and what is wrong with one of them."""
    known = {each.name: each for each in parameters}
    answers = dict(given)
    for change in changes:
        name, equals, value = change.partition("=")
        if name not in known or not equals:
            return answers, f"SET={change}: write NAME=VALUE with one of {', '.join(known)}"
        if why := known[name].refusal(value):
            return answers, f"SET={change}: {name} must be {why}"
        answers[name] = value
    return answers, ""


def account_of(target: Target) -> Account:
    return Account(Clients(target.region, target.profile, None))
