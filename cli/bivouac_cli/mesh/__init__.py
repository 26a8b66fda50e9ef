"""Services and the edges between them, as people see them while an environment is made."""
