"""Long tests: every call interrupted, the largest requests, accidents, long waits."""
