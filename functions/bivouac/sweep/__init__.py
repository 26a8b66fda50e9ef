"""Finds and repairs what is orphaned, lost or overdue in the account."""
