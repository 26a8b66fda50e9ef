"""The only place that talks to AWS: clients, their errors, and what they answer in our words."""
