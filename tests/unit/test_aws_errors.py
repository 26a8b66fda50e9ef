"""AWS's answers become our errors: one case for each failure mode that concerns us."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError
from hypothesis import example, given
from hypothesis import strategies as st

from bivouac import errors
from bivouac.aws.errors import classify, duplicate_operation, translated

THROTTLED = errors.ThrottledError
UNAVAILABLE = errors.UnavailableError
NOT_YET = errors.NotYetConsistentError
REFUSED = errors.RefusedByAwsError
DENIED = errors.AccessDeniedError
DRAINING = errors.ServiceDrainingError
INVALID = "InvalidParameterException"

CASES: list[tuple[str, str, str, str, type[errors.BivouacError]]] = [
    ("N06", "CreateHttpNamespace", "ResourceLimitExceeded", "The limit is 50.", REFUSED),
    ("N07", "CreateHttpNamespace", "InvalidInput", "Name is not valid", REFUSED),
    (
        "C01",
        "CreateCluster",
        INVALID,
        (
            "Unable to assume the service linked role. Please verify that the ECS service "
            "linked role exists."
        ),
        NOT_YET,
    ),
    (
        "C03",
        "CreateCluster",
        INVALID,
        (
            "Arguments on this idempotent request are inconsistent with arguments used in "
            "previous request(s)."
        ),
        NOT_YET,
    ),
    (
        "C04",
        "CreateCluster",
        "NamespaceNotFoundException",
        "The specified namespace was not found.",
        NOT_YET,
    ),
    (
        "C07",
        "UpdateService",
        "ClusterNotFoundException",
        "The referenced cluster was inactive.",
        REFUSED,
    ),
    ("C08", "CreateService", "ClusterNotFoundException", "Cluster not found.", NOT_YET),
    (
        "C09",
        "UpdateCluster",
        "UpdateInProgressException",
        (
            "The specified cluster is in a busy state. Cluster attachments must be in "
            "UPDATE_COMPLETE or UPDATE_FAILED state before they can be updated."
        ),
        NOT_YET,
    ),
    (
        "T01",
        "RegisterTaskDefinition",
        "ClientException",
        "Too many concurrent attempts to create a new revision of the specified family.",
        THROTTLED,
    ),
    ("T02", "RegisterTaskDefinition", "ThrottlingException", "Rate exceeded", THROTTLED),
    (
        "T04",
        "RegisterTaskDefinition",
        "ClientException",
        "No Fargate configuration exists for given values: 256 CPU, 4096 memory",
        REFUSED,
    ),
    (
        "T06",
        "RegisterTaskDefinition",
        "ClientException",
        (
            "When you are specifying container secrets, you must also specify a value for "
            "'executionRoleArn'"
        ),
        REFUSED,
    ),
    (
        "T07",
        "RegisterTaskDefinition",
        "ClientException",
        "Log driver awslogs requires options: awslogs-group",
        REFUSED,
    ),
    (
        "T08",
        "RegisterTaskDefinition",
        "LimitExceededException",
        "The limit for the resource has been exceeded.",
        THROTTLED,
    ),
    ("busy", "UpdateSchedule", "ConflictException", "... an inconsistent state.", NOT_YET),
    ("busy", "DeleteSchedule", "ConflictException", "... an inconsistent state.", NOT_YET),
    ("fired", "UpdateSchedule", "ResourceNotFoundException", "Schedule x does not exist.", NOT_YET),
    ("T09", "CreateService", "ClientException", "Invalid revision number. Number: x", REFUSED),
    ("T10", "CreateService", "ClientException", "TaskDefinition is inactive", REFUSED),
    (
        "T13",
        "DescribeTaskDefinition",
        "ClientException",
        "Unable to describe task definition.",
        REFUSED,
    ),
    ("S01", "CreateService", INVALID, "Creation of service was not idempotent.", NOT_YET),
    (
        "S02",
        "CreateService",
        INVALID,
        "Unable to Start a service that is still Draining.",
        DRAINING,
    ),
    (
        "S03 subnets",
        "CreateService",
        INVALID,
        "Error retrieving subnet information for [subnet-1]: Rate exceeded (ErrorCode: Throttling)",
        THROTTLED,
    ),
    (
        "S03 groups",
        "UpdateService",
        INVALID,
        (
            "Error retrieving security group information for [sg-1]: Request limit exceeded. "
            "(ErrorCode: RequestLimitExceeded)"
        ),
        THROTTLED,
    ),
    (
        "S03 internal",
        "CreateService",
        INVALID,
        (
            "Error retrieving subnet information for [subnet-1]: An internal error has "
            "occurred (ErrorCode: InternalError)"
        ),
        UNAVAILABLE,
    ),
    (
        "S04",
        "CreateService",
        INVALID,
        (
            "Unable to assume the service linked role. Please verify that the ECS service "
            "linked role exists."
        ),
        NOT_YET,
    ),
    (
        "S05",
        "CreateService",
        INVALID,
        (
            "Unable to assume role and validate the specified targetGroupArn. Please verify "
            "that the ECS service role being passed has the proper permissions."
        ),
        NOT_YET,
    ),
    (
        "S07",
        "CreateService",
        INVALID,
        (
            "SC service is already used by "
            "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-x"
        ),
        REFUSED,
    ),
    (
        "S08",
        "CreateService",
        INVALID,
        "portName(web) does not refer to any named PortMapping in the container definitions",
        REFUSED,
    ),
    ("S09", "CreateService", INVALID, "Namespace is missing", REFUSED),
    ("S10", "CreateService", INVALID, "2 clientAliases exceeds the max limit of 1", REFUSED),
    ("S11", "CreateService", INVALID, "The DNS name that you provided is invalid", REFUSED),
    ("S12", "CreateService", INVALID, "some text that nobody has seen yet", REFUSED),
    (
        "S13",
        "CreateService",
        "PlatformUnknownException",
        "The specified platform version does not exist.",
        REFUSED,
    ),
    (
        "S15 subnets",
        "CreateService",
        INVALID,
        (
            "Error retrieving subnet information for [subnet-x]: The subnet ID 'subnet-x' "
            "does not exist (ErrorCode: InvalidSubnetID.NotFound)"
        ),
        REFUSED,
    ),
    (
        "S15 groups",
        "CreateService",
        INVALID,
        (
            "Error retrieving security group information for [sg-x]: The security group "
            "'sg-x' does not exist (ErrorCode: InvalidGroup.NotFound)"
        ),
        REFUSED,
    ),
    ("S16", "UpdateService", "ServiceNotFoundException", "Service not found.", NOT_YET),
    ("S17", "UpdateService", "ServiceNotActiveException", "Service was not ACTIVE.", REFUSED),
    ("S20 EC2", "DescribeSubnets", "RequestLimitExceeded", "Request limit exceeded.", THROTTLED),
    ("S20 DynamoDB", "GetItem", "ProvisionedThroughputExceededException", "slow down", THROTTLED),
    ("S20 Step Functions", "DescribeExecution", "ThrottlingException", "Rate exceeded", THROTTLED),
    ("S21", "DescribeServices", "ServerException", "", UNAVAILABLE),
    (
        "S21 Logs",
        "CreateLogGroup",
        "OperationAbortedException",
        "A conflicting operation is in progress",
        UNAVAILABLE,
    ),
    ("S22", "CreateService", "AccessDeniedException", "User is not authorized to perform", DENIED),
    ("S22 EC2", "DescribeSubnets", "UnauthorizedOperation", "You are not authorized", DENIED),
    (
        "S22 expired",
        "ListServices",
        "ExpiredTokenException",
        "The security token is expired",
        DENIED,
    ),
    (
        "S22 unknown",
        "ListServices",
        "UnrecognizedClientException",
        "The security token is invalid",
        DENIED,
    ),
    (
        "S23",
        "CreateService",
        INVALID,
        "Specifying both a launch type and capacity provider strategy is not supported",
        REFUSED,
    ),
    (
        "D01",
        "DeleteService",
        INVALID,
        "The service cannot be stopped while it is scaled above 0.",
        REFUSED,
    ),
    ("D04", "DeleteService", "ServiceNotFoundException", "Service not found.", REFUSED),
]


@pytest.mark.parametrize(
    ("operation", "code", "message", "ours"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_each_answer_of_aws_becomes_its_error(
    operation: str, code: str, message: str, ours: type[errors.BivouacError]
) -> None:
    """N06, N07, C01 to C09, T01 to T13, S01 to S23, D01, D04: code first, then text."""
    assert classify(operation, code, message, 400) is ours


@given(st.text(), st.text(max_size=40), st.integers(500, 599))
@example("still Draining", "", 500)
def test_a_server_error_of_aws_is_always_retried(message: str, operation: str, status: int) -> None:
    """S21: unknown 5xx are transient."""
    assert issubclass(classify(operation, "", message, status), errors.RETRIED)


@given(st.text(), st.text(), st.text())
def test_an_unknown_error_is_never_retried(operation: str, code: str, message: str) -> None:
    assert classify(operation, f"Unheard{code}", f"x{message}".swapcase(), 400) in (
        REFUSED,
        *errors.RETRIED,
        DRAINING,
    )
    assert classify(operation, "UnheardOf", "", 400) is REFUSED


def refusal(code: str = "AccessDeniedException", **members: str) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, **members}
    return ClientError(answer, "CreateCluster")  # type: ignore[arg-type]


def test_an_error_says_what_failed_where_and_quotes_aws() -> None:
    with pytest.raises(DENIED) as caught, translated("cluster demo"):
        raise refusal()
    told = "cluster demo: CreateCluster answered AccessDeniedException: no"
    assert str(caught.value) == told
    assert isinstance(caught.value.__cause__, ClientError)


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionClosedError(endpoint_url="https://ecs"),
        ReadTimeoutError(endpoint_url="https://ecs"),
    ],
)
def test_no_answer_at_all_is_an_unknown_outcome(fault: Exception) -> None:
    """S21: retried, and what the call did is read back."""
    told = "service web: AWS did not answer"
    with pytest.raises(UNAVAILABLE, match=told), translated("service web"):
        raise fault


def test_our_own_errors_and_programming_errors_pass_through() -> None:
    for error in (errors.SupersededError("x"), KeyError("y")):
        with pytest.raises(type(error)) as caught, translated("cluster demo"):
            raise error
        assert caught.value is error


def test_cloud_map_names_the_operation_that_is_in_progress_already() -> None:
    """N02, N13."""
    assert duplicate_operation(refusal("DuplicateRequest", DuplicateOperationId="op-1")) == "op-1"
    assert duplicate_operation(refusal("DuplicateRequest")) is None
