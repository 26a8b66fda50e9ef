"""How services get from what runs to what was requested."""
