"""Everything a demonstration needs and the tests use too: brokers, simulators and sample traffic."""
