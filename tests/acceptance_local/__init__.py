"""The acceptance suite on this machine."""
