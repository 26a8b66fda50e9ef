"""The only package that calls AWS: clients, calls, errors, and the meaning of answers."""
