"""What the parts of a request must be for AWS and for the stack, across fields."""
