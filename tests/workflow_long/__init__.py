"""Stories of tests/workflow that take long."""
