"""The status of an environment, or of all."""
