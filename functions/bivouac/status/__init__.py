"""What people are told of an environment, or of all."""
