"""Events of other AWS services that Bivouac's triggers react to, as AWS's guides show them."""

from __future__ import annotations

import hashlib
from typing import Any

from localcloud.account import Account
from localcloud.clock import as_datetime
from localcloud.events.rules import service_event

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


def image_pushed(
    account: Account, repository: str, tag: str, digest: str, now: float
) -> list[dict[str, Any]]:
    """For an image index: first its manifest, which has no tag, then the index (recorded in
    September 2025: github.com/awslabs/cfn-ecr-aws-soci-index-builder, pull request 137)."""
    manifest = f"sha256:{hashlib.sha256(f'manifest of {digest}'.encode()).hexdigest()}"
    config = {"artifact-media-type": "application/vnd.oci.image.config.v1+json"}
    untagged = {"image-digest": manifest, "image-tag": "", "manifest-media-type": _MANIFEST}
    tagged = {"image-digest": digest, "image-tag": tag, "manifest-media-type": _INDEX}
    pushed = {"result": "SUCCESS", "repository-name": repository, "action-type": "PUSH"}
    return [
        service_event(
            account.account_id,
            account.region,
            source="aws.ecr",
            detail_type="ECR Image Action",
            resources=[],
            detail=pushed | detail,
            time=now,
        )
        for detail in (untagged | config, tagged)
    ]


def pull_request_closed(
    account: Account, repository: str, pull_request_id: str, source_reference: str, now: float
) -> dict[str, Any]:
    """AWS CodeCommit user guide, "Monitoring CodeCommit events in Amazon EventBridge and Amazon
    CloudWatch Events": pullRequestStatusChanged, closed without a merge."""
    moment = f"{as_datetime(now):%a %b %d %H:%M:%S UTC %Y}"
    return service_event(
        account.account_id,
        account.region,
        source="aws.codecommit",
        detail_type="CodeCommit Pull Request State Change",
        resources=[account.arn("codecommit", repository)],
        detail={
            "author": account.caller_arn,
            "callerUserArn": account.caller_arn,
            "creationDate": moment,
            "description": "",
            "destinationCommit": "1" * 40,
            "destinationReference": "refs/heads/main",
            "event": "pullRequestStatusChanged",
            "isMerged": "False",
            "lastModifiedDate": moment,
            "notificationBody": (
                "A pull request event occurred in the following AWS CodeCommit repository: "
                f"{repository}. {account.caller_arn} updated the following PullRequest "
                f"{pull_request_id}. The pull request status has been updated. The status is "
                "closed."
            ),
            "pullRequestId": pull_request_id,
            "pullRequestStatus": "Closed",
            "repositoryNames": [repository],
            "revisionId": "2" * 64,
            "sourceCommit": "3" * 40,
            "sourceReference": source_reference,
            "title": f"Pull request {pull_request_id}",
        },
        time=now,
    )
