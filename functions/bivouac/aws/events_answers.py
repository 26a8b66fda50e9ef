"""What the code compares with other services' events, each literal with its source. Pure.

ECS's events are in ecs_answers, Step Functions' in stepfunctions_answers.
"""

from __future__ import annotations

IMAGE_ACTION = ("aws.ecr", "ECR Image Action")
"""source and detail-type. Recorded in September 2025: github.com/awslabs/
cfn-ecr-aws-soci-index-builder, pull request 137."""

PULL_REQUEST_CHANGE = ("aws.codecommit", "CodeCommit Pull Request State Change")
"""The same. Documented: CodeCommit guide, "Monitoring CodeCommit events in Amazon EventBridge"."""
