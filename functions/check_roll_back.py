"""Check roll back: decides whether a failed redeploy is rolled back to what was proven before.

Called again after a failed roll-back, it puts both failures into one cause. It describes the failed
execution, because Step Functions cuts the cause that it passes on at 32,768 characters. Repeating
it is safe: it only stores a redeploy that came after a deletion for the next creation.
"""

from __future__ import annotations

from bivouac.aws import clients, executions, stepfunctions_answers
from bivouac.commands import rollback
from bivouac.commands.rollback import Failure, RollBackOutcome
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.settings import Machine
from bivouac.stack import records


@step
def handler(event: Event) -> Event:
    """`status` with the `error` and `cause` with which the execution fails, `rolledBackCause` if it
    is rolled back first, and the first `failure` unchanged."""
    failed, redeploy, record = event["failed"], event["redeploy"], None
    machine, digest = Machine.CREATE.arn, event["digest"]
    create = stepfunctions_answers.arn_of(machine, f"redeploy-{digest}")
    if "rollBackFailure" in failed:
        first = Failure(create, failed["failure"]["error"], failed["failure"]["cause"])
        roll_back = stepfunctions_answers.arn_of(machine, f"roll-back-{digest}")
        second = _failure(roll_back, failed["rollBackFailure"])
        concluding = rollback.not_rolled_back(first, second)
    else:
        first = _failure(create, failed)
        environment, intent = rollback.named(redeploy)
        record = records().find(environment) if environment else None
        concluding = rollback.concluded(record, first, intent)
        if record and (changes := rollback.kept(record, first.error, redeploy)) is not None:
            records().keep_changes(record, changes)
    logger.info("redeploy failed", outcome=concluding.outcome, error=concluding.error)
    if concluding.outcome is RollBackOutcome.ROLL_BACK:
        metrics.add_metric("RedeployRolledBack", MetricUnit.Count, 1)
    return {
        "status": concluding.outcome,
        "environment": record.environment if record else None,
        "generation": record.generation if record else None,
        "error": concluding.error,
        "cause": concluding.cause,
        "rolledBackCause": concluding.rolled_back_cause,
        "failure": {"error": first.error, "cause": first.cause},
    }


def _failure(execution: str, caught: Event) -> Failure:
    """The execution's failure; if it never began, the caught one."""
    ended = executions.ending(clients.stepfunctions(), execution)
    return Failure(execution, *(ended or stepfunctions_answers.caught(caught)))
