"""The proof that endpoints and edges answer."""
