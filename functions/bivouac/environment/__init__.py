"""What an environment is: its record, its blueprint, its names, its lease."""
