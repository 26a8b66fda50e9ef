"""`bivouac`: short-lived Amazon ECS Service Connect environments, from a terminal or a pipeline.

Thin: it calls AWS with the caller's own rights, and shows the answers. The stack decides what an
environment is, and whether it is proven.
"""

__version__ = "0.1.0"
