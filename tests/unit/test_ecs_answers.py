"""How ECS's answers are read, in each form that was seen or is documented."""

from __future__ import annotations

import pytest

from bivouac.aws import ecs_answers

# --- attachments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attachment", "proxys"),
    [
        # github.com/apptality/aws-ecs-cloudmap-prometheus-sd, July 2024, and
        # github.com/aws-containers/amazon-ecs-exec-checker, pull request 73, November 2024
        ({"type": "ServiceConnect"}, True),
        # The API reference of Attachment.type
        ({"type": "Service Connect"}, True),
        ({"type": "service connect"}, True),
        ({"type": "ElasticNetworkInterface"}, False),
        ({"type": "sc"}, False),
        ({"status": "ATTACHED"}, False),
        ({"type": None}, False),
    ],
)
def test_a_proxys_attachment_is_recognised_in_every_form(
    attachment: dict[str, str | None], proxys: bool
) -> None:
    assert ecs_answers.is_service_connect(attachment) is proxys
