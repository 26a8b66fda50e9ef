"""Follows environments through their life on a deployed stack, through public AWS APIs only.

`make accept STACK=bivouac` runs it. Nothing here knows the deployed code: an environment is
started, read and deleted as users do it, and each of AWS's answers is compared with what the
project believes about AWS (docs/assumptions.md).
"""
