"""Variables and images that name another Region than the stack's, ap-northeast-1."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.request.messages import MOST_WARNINGS
from tests.requests import environment, web
from tests.unit.planned import planned


def warned(*variables: tuple[str, str], image: str = "nginx") -> tuple[str, ...]:
    given = [{"name": name, "value": value} for name, value in variables]
    primary = {"image": image, "containerPort": 80, "environment": given}
    return planned(environment(web(primaryContainer=primary))).warnings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEUE_URL", "https://sqs.ap-northeast-1.amazonaws.com/123456789012/orders"),
        ("TOPIC", "arn:aws:sns:ap-northeast-1:123456789012:orders"),
        ("ROLE", "arn:aws:iam::123456789012:role/app"),
        ("BUCKET", "https://shop.s3.amazonaws.com/"),
        ("AWS_REGION", "ap-northeast-1"),
        ("FALLBACK_REGION", "eu-west-1"),
        ("DOCS", "https://docs.aws.amazon.com/eu-west-1/"),
        ("NAME", "eu-west-1.example.com"),
        ("EMPTY", ""),
    ],
)
def test_what_names_no_other_region_is_no_reason_to_warn(name: str, value: str) -> None:
    assert not warned((name, value))


@pytest.mark.parametrize(
    ("name", "value", "region"),
    [
        ("QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/orders", "eu-west-1"),
        ("TOPIC", "arn:aws:sns:us-east-2:123456789012:orders", "us-east-2"),
        ("KEY", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1", "us-gov-west-1"),
        ("DB_HOST", "shop.cluster-x.eu-central-1.rds.amazonaws.com", "eu-central-1"),
        ("DB_URL", "postgres://shop@db.x.eu-west-3.rds.amazonaws.com:5432/shop", "eu-west-3"),
        ("HOOK", "https://x.lambda-url.us-west-2.on.aws/", "us-west-2"),
        ("AWS_REGION", "us-east-1", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1", "us-east-1"),
    ],
)
def test_another_region_is_told_with_the_variable_and_without_its_value(
    name: str, value: str, region: str
) -> None:
    (warning,) = warned((name, value))
    assert warning.startswith(f"web: {name} names the Region {region}, and the stack is in ap-")
    assert value == region or value not in warning


def test_an_image_of_another_region_is_taken_with_a_warning() -> None:
    registry = "123456789012.dkr.ecr.{}.amazonaws.com/shop/web:1"
    assert not warned(image=registry.format("ap-northeast-1"))
    (warning,) = warned(image=registry.format("eu-west-1"))
    assert warning.startswith("web: the image of web is in the registry of eu-west-1, ")


def test_there_are_only_so_many_warnings() -> None:
    many: list[Any] = [
        (f"QUEUE_{n}", f"arn:aws:sqs:eu-west-1:1:q{n}") for n in range(MOST_WARNINGS + 5)
    ]
    told = warned(*many)
    assert len(told) == MOST_WARNINGS + 1
    assert told[-1] == "and 5 more variables and images name other Regions"
