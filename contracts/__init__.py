"""What goes over every wire of returnstreams: keys, topics, models, envelope. Imports nothing else of ours."""
