"""AWS on this machine, for the demo, the tests and the benchmarks. Never deployed."""

from localcloud.model_files import read_once

read_once()  # before moto is imported, which reads some of them then
