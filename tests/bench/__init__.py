"""The benchmarks: ratios measured within one run, on real parts. `make bench`; no test asserts a time."""
