"""Reference models: what must come out, written a second time from the semantics alone, and naively."""
