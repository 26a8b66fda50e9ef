"""The one endpoint on 127.0.0.1: the server, what is called, who waits, and what is refused."""
