"""The program that holds one task: its namespaces, its processes, their health and their end.

It is started once per task as a process of its own, on the standard library alone, and imports
nothing from the rest of the local cloud: it must start in milliseconds and must outlive a crash
of the server by exactly as long as it takes to end what it started.

The server starts it with a plan and hears of events as JSON lines (`protocol.py`). The end of its
standard input means that the server is gone, whatever the reason.
"""
