"""What takes long: every call interrupted, the largest requests, accidents, long waits."""
