"""Each agent alone, through AgentTestDriver: records in, records out, the clock moved by hand."""
