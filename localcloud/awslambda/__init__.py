"""AWS Lambda: functions in warm worker processes, their versions, aliases and logs."""
