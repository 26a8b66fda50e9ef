"""EventBridge rules and Scheduler schedules that reach their targets."""
