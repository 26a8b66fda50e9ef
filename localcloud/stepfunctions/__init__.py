"""moto's Step Functions, corrected where it differs from AWS in what Bivouac relies on.

Each correction is one function or class of a module here; `tests/localcloud/test_stepfunctions.py`
has a test for each, and for what moto does right that Bivouac also needs.
"""
