"""Why something failed, with evidence and the next step."""
