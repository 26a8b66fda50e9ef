"""Answers CloudFormation by a PUT to the URL in a custom resource's request; reads a stack's
status."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from bivouac import clock
from bivouac.aws import cloudformation_answers
from bivouac.aws.errors import translated
from bivouac.errors import InvalidRequestError, UnavailableError
from bivouac.settings import AnswerSettings

ATTEMPTS = 3
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
"""Three attempts and their pauses end well before the function's timeout of 30 seconds."""


def send(url: str, body: bytes, settings: AnswerSettings) -> None:
    """Send the answer to CloudFormation.

    The URL comes with the event, so it is first checked to be CloudFormation's.
    Raises InvalidRequestError if it is not, UnavailableError if the answer is not accepted."""
    if not is_cloudformations(url, settings):
        host = urlsplit(url).hostname
        raise InvalidRequestError([f"ResponseURL: {host} is not a host of CloudFormation"])
    request = urllib.request.Request(
        url,
        body,
        # The signature covers none: S3 refuses the one that urllib would add
        {"Content-Type": ""},
        method="PUT",
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
                return
        except urllib.error.HTTPError as error:
            problem = f"HTTP {error.code}"
            if error.code < 500:
                break
        except OSError as error:
            problem = type(error).__name__
        if attempt < ATTEMPTS:
            clock.sleep(PAUSE_SECONDS * attempt)
    raise UnavailableError(f"CloudFormation did not accept the answer: {problem}")


def is_rolled_back(client: Any, stack_id: str) -> bool:
    """Whether an update of the stack has failed and is being rolled back."""
    with translated(f"stack {stack_id}"):
        (stack,) = client.describe_stacks(StackName=stack_id)["Stacks"]
    return bool(stack["StackStatus"] == cloudformation_answers.ROLLS_BACK)


def is_cloudformations(url: str, settings: AnswerSettings) -> bool:
    """Whether it is CloudFormation's bucket of this Region, whose name contains the Region without
    hyphens, or the endpoint that replaces all of AWS's
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-vpce-bucketnames.html)."""
    if settings.endpoint and url.startswith(f"{settings.endpoint}/"):
        return urlsplit(url).hostname == "127.0.0.1"
    parts = urlsplit(url)
    region, suffix = settings.region, settings.url_suffix
    bucket = f"cloudformation-custom-resource-response-{region.replace('-', '')}"
    hosts = {f"{bucket}.s3{of}.{suffix}" for of in ("", f".{region}", f"-{region}")}
    return parts.scheme == "https" and parts.netloc in hosts
