"""Changes the services from what runs to what was requested."""
