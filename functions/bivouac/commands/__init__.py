"""What events and executions ask for, parsed once."""
