"""A second reference, of the whole way: webhook bodies and the retailers file go in, payments and states come out.

Written from semantics.md apart from tests/model, which knows the ledger more closely (every promise, every parcel) and
starts behind the order table and the rules. `python -m tests.wire` runs as many histories as wanted.
"""
