"""One file per agent: its stores and the handlers that read like the sentence in the design. No I/O, no clock."""
