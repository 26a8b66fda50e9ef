"""Whether tasks can pull images from the stack's subnets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bivouac_cli.doctor.finding import Finding, ng, ok

Json = Mapping[str, Any]
CHECK = "subnets"
_ANYWHERE = "0.0.0.0/0"
_INTERFACES = ("ecr.api", "ecr.dkr", "logs")
"""Interface endpoints without which a Fargate task can neither pull from a private ECR repository
nor log (ECS developer guide, interface VPC endpoints; ECR user guide, interface VPC endpoints)."""
_GATEWAY = "s3"
"""ECR keeps layers in S3 (ECR user guide, interface VPC endpoints)."""
_TARGETS = ("NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "GatewayId")
"""Of a route, besides an internet gateway. What is behind them cannot be seen from here."""
_PRIVATE_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr\.[a-z0-9.-]+/.+")


def subnet_findings(
    wanted: Sequence[str],
    subnets: Sequence[Json],
    tables: Sequence[Json],
    endpoints: Sequence[Json],
    *,
    vpc: str,
    region: str,
    public_address: bool,
    proof_image: str,
) -> Iterator[Finding]:
    """One for each requested subnet; the rest as EC2 describes it."""
    known = {each["SubnetId"]: each for each in subnets}
    for subnet in wanted:
        if subnet not in known:
            yield ng(
                CHECK,
                f"there is no {subnet} in {region}: another Region's, or deleted",
                f"aws ec2 describe-subnets --region {region} --filters Name=vpc-id,Values={vpc}",
            )
        elif known[subnet]["VpcId"] != vpc:
            theirs = known[subnet]["VpcId"]
            yield ng(
                CHECK,
                f"{subnet} is in {theirs}, and VpcId is {vpc}",
                f"aws ec2 describe-subnets --region {region} --filters Name=vpc-id,Values={vpc}",
            )
        else:
            table = _table_of(subnet, tables)
            yield _way_out(
                subnet,
                table,
                endpoints,
                wanted,
                vpc=vpc,
                region=region,
                public_address=public_address,
                proof_image=proof_image,
            )


def _table_of(subnet: str, tables: Sequence[Json]) -> Json:
    """Its own, or else the VPC's main one."""
    main: Json = {}
    for table in tables:
        for association in table.get("Associations", ()):
            if association.get("SubnetId") == subnet:
                return table
            if association.get("Main"):
                main = table
    return main


def _way_out(
    subnet: str,
    table: Json,
    endpoints: Sequence[Json],
    wanted: Sequence[str],
    *,
    vpc: str,
    region: str,
    public_address: bool,
    proof_image: str,
) -> Finding:
    name = table.get("RouteTableId", "its route table")
    route = next(
        (each for each in table.get("Routes", ()) if each.get("DestinationCidrBlock") == _ANYWHERE),
        None,
    )
    if route is not None and route.get("State") == "blackhole":
        return ng(
            CHECK,
            f"{subnet}: the default route of {name} leads to something that was deleted",
            f"aws ec2 replace-route --region {region} --route-table-id {name} "
            f"--destination-cidr-block {_ANYWHERE} --nat-gateway-id NAT",
        )
    if route is not None and str(route.get("GatewayId", "")).startswith("igw-"):
        if public_address:
            return ok(CHECK, f"{subnet}: public, and tasks get a public address")
        return ng(
            CHECK,
            f"{subnet}: its way out is an internet gateway, and tasks get no public address: they "
            "can pull no image",
            "make deploy SET=AssignPublicIp=ENABLED",
        )
    if route is not None:
        way = next((str(value) for key, value in route.items() if key in _TARGETS), "another way")
        return ok(CHECK, f"{subnet}: private, with a way out through {way}")
    there = {
        each["ServiceName"].removeprefix(f"com.amazonaws.{region}.")
        for each in endpoints
        if each["VpcEndpointType"] == "Interface" or name in each.get("RouteTableIds", ())
    }
    missing = [each for each in (*_INTERFACES, _GATEWAY) if each not in there]
    if missing:
        commands = [_creation(each, vpc, region, wanted, name) for each in missing]
        return ng(
            CHECK,
            f"{subnet}: {name} has no default route, and the VPC no endpoint for "
            f"{', '.join(missing)}: tasks can pull no image",
            "\n".join(commands),
        )
    if not _PRIVATE_ECR.fullmatch(proof_image):
        return ng(
            CHECK,
            f"{subnet}: endpoints reach private ECR repositories only, and the tasks that prove "
            f"connections run {proof_image}",
            f"make deploy SET=ProofImage=ACCOUNT.dkr.ecr.{region}.amazonaws.com/python:3.13-alpine",
        )
    return ok(CHECK, f"{subnet}: private, with endpoints for images of ECR and logs")


def _creation(service: str, vpc: str, region: str, subnets: Sequence[str], table: str) -> str:
    kind = (
        f"--vpc-endpoint-type Gateway --route-table-ids {table}"
        if service == _GATEWAY
        else f"--vpc-endpoint-type Interface --subnet-ids {' '.join(subnets)}"
    )
    return (
        f"aws ec2 create-vpc-endpoint --region {region} --vpc-id {vpc} "
        f"--service-name com.amazonaws.{region}.{service} {kind}"
    )
