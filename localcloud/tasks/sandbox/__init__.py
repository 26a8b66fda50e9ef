"""The program that holds one task: its namespaces, its processes, their health and their end.

It is started once per task as a separate process. It uses only the standard library and imports
nothing from the rest of the local cloud: it must start in milliseconds, and after a crash of the
server it must live just long enough to end what it started.

The server starts it with a plan and reads events as JSON lines (`protocol.py`). The end of its
standard input means that the server is gone, for whatever reason.
"""
