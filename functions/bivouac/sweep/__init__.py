"""What is left, lost or overdue in the account, found and repaired."""
