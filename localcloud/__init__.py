"""AWS on this machine, for the demo, the tests and the benchmarks. Never deployed."""

from localcloud.botocore_lookups import keep_lookups

keep_lookups()  # before moto is imported, which reads some of them then
