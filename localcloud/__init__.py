"""AWS on this machine, for the demo, the tests and the benchmarks. Never deployed."""

import gc

from localcloud.botocore_lookups import keep_lookups

# The imports that follow make many long-lived objects. Scanning them in every garbage collection
# would take a fifth of the start.
gc.set_threshold(100_000, 50, 1000)
keep_lookups()  # before moto is imported, which reads some of them at import
