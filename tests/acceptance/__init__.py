"""The life of environments on a deployed stack, told through public AWS APIs only.

`make accept STACK=bivouac` runs it. Nothing here knows the code that is deployed: an environment is
started, looked at and deleted as its users do it, and each of AWS's answers on the way is held
against what the project believes about AWS (docs/assumptions.md).
"""
