"""What the code compares with AWS's errors, each literal with its source. Pure.

Codes without a note are documented: the API models in botocore, and the errors that all
services share (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, and
"Common errors" of each API's reference).
"""

from __future__ import annotations

THROTTLING_CODES = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
    }
)
"""The last counts as throttling, as it does in botocore's standard retry mode (T08)."""
THROTTLING_TEXTS = (
    "(ErrorCode: Throttling)",
    "(ErrorCode: RequestLimitExceeded)",
    "Too many concurrent attempts to create a new revision",
)
"""In errors with another code. Recorded: the first, inside ECS's InvalidParameterException (S03:
github.com/dagster-io/dagster, issue 33439, and github.com/cdklabs/construct-hub, issue 415)."""

UNAVAILABLE_CODES = frozenset(
    {
        "ServerException",
        "InternalServerError",
        "InternalServerException",
        "InternalFailure",
        "InternalError",
        "InternalException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "OperationAbortedException",
    }
)
"""The last is CloudWatch Logs' answer to two changes at once (API model)."""
UNAVAILABLE_TEXTS = ("(ErrorCode: InternalError)",)

DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "InvalidClientTokenId",
    }
)

DRAINING_TEXT = "still Draining"
"""CreateService: "Unable to Start a service that is still Draining." (S02). Recorded: two public
reports, of CreateService and of CreateExpressGatewayService."""

PROPAGATING_TEXTS = (
    "Unable to assume the service linked role",
    "verify that the ECS service role being passed has the proper permissions",
    "Cluster attachments must be in UPDATE_COMPLETE",
    "Creation of service was not idempotent",
    "Arguments on this idempotent request are inconsistent",
)
"""Recorded in many public reports, 2018 to 2026, except for the second and third, which are
documented. The last two mean that it exists by now: the step reads again, and adopts or refuses
it."""
PROPAGATING_CODES = {
    "CreateCluster": frozenset({"NamespaceNotFoundException"}),
    "CreateService": frozenset({"ClusterNotFoundException", "NamespaceNotFoundException"}),
    "UpdateService": frozenset({"ServiceNotFoundException"}),
    "ListTagsForResource": frozenset({"ResourceNotFoundException"}),
    "UpdateSchedule": frozenset({"ConflictException", "ResourceNotFoundException"}),
    "DeleteSchedule": frozenset({"ConflictException"}),
}
"""Codes that, on these operations, mean "we made it a moment ago" (C04, C08, S16).

Tags are read only for what a list has just shown: it was deleted since, or is not known everywhere
yet. Scheduler answers ConflictException while it is still changing a schedule (recorded in May
2026: github.com/alchemy-run/distilled, pull request 248). UpdateSchedule follows CreateSchedule's
answer, so what it does not find has fired and deleted itself meanwhile."""

CLUSTER_MISSING = "ClusterNotFoundException"
"""With "Cluster not found." or "The referenced cluster was inactive.". Recorded: two public
reports."""
RESOURCE_MISSING = "ResourceNotFoundException"
"""From services that are called with an ARN or a name. Documented: the API models."""
