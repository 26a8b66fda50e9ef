"""Finds the environments that an event without a name is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bivouac.commands.events_in import ImagePushed, PullRequestClosed
from bivouac.environment.blueprint import Blueprint


def redeployed_by(triggers: Mapping[str, Any], pushed: ImagePushed) -> bool:
    """Whether the `triggers` of a request name the repository and the tag."""
    named = {"repository": pushed.repository, "tag": pushed.tag}
    return named in triggers["imagePush"]


def deleted_by(triggers: Mapping[str, Any], closed: PullRequestClosed) -> bool:
    named = triggers["pullRequest"]
    return (
        named is not None
        and named["repository"] in closed.repositories
        and named["number"] == closed.number
    )


def services_that_run(blueprint: Blueprint, pushed: ImagePushed) -> list[str]:
    """The services with a container of the pushed image, by tag.

    The images of definitions that are not ours are unknown here."""
    return [
        service.service_name
        for service in blueprint.services
        if service.definition is not None
        and any(
            is_the_pushed(container["image"], pushed)
            for container in service.definition["containerDefinitions"]
        )
    ]


def is_the_pushed(image: str, pushed: ImagePushed) -> bool:
    """<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:<tag>]; no tag means latest, and a
    digest never matches (https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html)."""
    registry = f"{pushed.account}.dkr.ecr.{pushed.region}.amazonaws.com"
    match = re.fullmatch(rf"{re.escape(registry)}(?:\.cn)?/([^:@]+)(?::([^:@]+))?", image)
    return match is not None and (match[1], match[2] or "latest") == (
        pushed.repository,
        pushed.tag,
    )
