"""Asks for the stack's parameters, and says what each is for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from deployment.parameters import Parameter


def asked(
    parameters: Iterable[Parameter],
    given: Mapping[str, str],
    ask: Callable[[str], str],
    tell: Callable[[str], None],
    *,
    everything: bool,
) -> dict[str, str]:
    """The answers; `given` are not asked for. `everything`: also asks for parameters with a
    default. A value that CloudFormation would refuse is asked for again.

    Raises EOFError if nobody answers."""
    answers = dict(given)
    group = ""
    for each in parameters:
        if each.name in given or not (everything or each.default is None):
            continue
        if each.group != group:
            group = each.group
            tell(f"\n{group}")
        tell(f"\n  {each.description}")
        answers[each.name] = _answer(each, ask, tell)
    return answers


def _answer(parameter: Parameter, ask: Callable[[str], str], tell: Callable[[str], None]) -> str:
    shown = f" ({', '.join(parameter.choices)})" if parameter.choices else ""
    default = "" if parameter.default is None else f" [{parameter.default or 'none'}]"
    while True:
        value = ask(f"  {parameter.name}{shown}{default}: ").strip() or parameter.default
        if value is None:
            tell("  It must be given.")
        elif why := parameter.refusal(value):
            tell(f"  It must be {why}.")
        else:
            return value
