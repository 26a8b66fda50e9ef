"""From a request that was read to a blueprint, and what of it the account contradicts."""
