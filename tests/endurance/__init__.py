"""What takes long: every call interrupted, the largest requests, scenarios full of accidents, long waits."""
