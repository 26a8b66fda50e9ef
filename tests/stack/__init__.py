"""What is done to a stack as a whole, on a local cloud of its own."""
