"""Everything that the functions know. Handlers import it; it imports no handler."""
