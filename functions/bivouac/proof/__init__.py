"""The proof: endpoints and edges that have answered."""
