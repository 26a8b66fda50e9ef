"""Values of a request that anyone who may describe task definitions can read. Pure."""

from __future__ import annotations

from bivouac.redaction import names, shapes, text


def secret_problem(name: str, value: str) -> str | None:
    """Why a variable with this plain value looks like a secret, and what to write instead; None if
    it does not. The value itself is not in the answer."""
    if names.is_no_value(value, name):
        return None
    if kind := next(shapes.kinds(value), None):
        reason = f"the value of {name} holds {kind}"
    elif names.is_secret(name):
        reason = f"{name} is the name of a secret"
    elif text.names_a_secret(value):
        reason = f"the value of {name} names a secret and says it"
    else:
        return None
    return (
        f"{reason}, and anyone who may describe task definitions can read it; keep it in Secrets "
        f'Manager or Parameter Store and write "secrets": [{{"name": "{name}", "valueFrom": '
        f'"..."}}] in the container; if it is no secret, write "plainValues": ["{name}"] beside '
        "services"
    )
