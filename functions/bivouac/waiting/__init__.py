"""How executions wait: a token in a table, and polls that answer it."""
