"""What of other people's text may be shown, and which values are likely secrets."""
