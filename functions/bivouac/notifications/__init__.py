"""The events that others receive."""
