"""The polls, and what each must show before an execution goes on."""
