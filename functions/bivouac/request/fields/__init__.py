"""Every field of ECS's operations: its rule, or why it is refused."""
