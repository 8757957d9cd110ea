"""The tests mirror the source: tests/unit/streams/domain/test_money.py holds what streams/domain/money.py promises."""
