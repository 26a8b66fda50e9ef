"""Strict Amazon ECS: Fargate services with Service Connect, rolling deployments, real states."""
