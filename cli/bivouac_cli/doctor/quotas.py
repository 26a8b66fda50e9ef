"""Whether the account's quotas let a team work. Pure.

The codes are those of the Service Quotas console; the defaults those of each service's page."""

from __future__ import annotations

from dataclasses import dataclass

from bivouac_cli.doctor.finding import Finding, ng, ok


@dataclass(frozen=True)
class Quota:
    name: str
    """Of the check, too."""
    service: str
    code: str
    too_little: float
    """What an account has that is new: enough for one environment, not for a team."""
    enlarged: int
    """A value that is worth asking for."""
    takes: str

    def mend(self, region: str) -> str:
        return (
            f"aws service-quotas request-service-quota-increase --region {region} "
            f"--service-code {self.service} --quota-code {self.code} "
            f"--desired-value {self.enlarged}"
        )


LAMBDA = Quota(
    "Lambda concurrent executions",
    "lambda",
    "L-B99A9384",
    10,
    1000,
    "each environment that is being created or deleted takes one",
)
FARGATE = Quota(
    "Fargate On-Demand vCPUs",
    "fargate",
    "L-3032A538",
    6,
    100,
    "the smallest task takes 0.25, three services with their proof client 1",
)
NAMESPACES = Quota(
    "Cloud Map namespaces", "AWSCloudMap", "L-0FE3F50E", 0, 200, "each environment takes one"
)


def room_finding(quota: Quota, value: float, region: str) -> Finding:
    reason = f"{value:g}; {quota.takes}"
    if value <= quota.too_little:
        return ng(quota.name, f"{reason}: too little for a team", quota.mend(region))
    return ok(quota.name, reason)


def namespace_finding(value: float, used: int, parameter: int | None, region: str) -> Finding:
    """`parameter`: NamespaceQuota, by which the stack refuses what would not fit."""
    reason = f"{used} of {value:g}; {NAMESPACES.takes}"
    if used >= value:
        return ng(NAMESPACES.name, f"{reason}: none is left", NAMESPACES.mend(region))
    if parameter is not None and parameter > value:
        return ng(
            NAMESPACES.name,
            f"{reason}, and the parameter NamespaceQuota says {parameter}",
            f"make deploy SET=NamespaceQuota={value:g}",
        )
    return ok(NAMESPACES.name, reason)
