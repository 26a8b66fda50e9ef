"""A request, checked and planned before anything is made."""
